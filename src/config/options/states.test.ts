import assert from "node:assert/strict";
import { test } from "node:test";
import { options } from "./index.ts";
import { optionStates } from "./states.ts";
import { namesRead, namesReadInSources } from "./usage.ts";

test("the reader of sources finds the ways in which options are read", () => {
  const source = `config.a_b; this.#config?.c; config.channel(name).sync_d; const { e, f: g } = config;
    function h({ i }: Config) {} workerConfig.j; socket.timeout; const { k } = config.l; effectiveIdentity(config, env)`;
  const names = [...namesRead(source)].filter((name) => name !== "channel").sort();
  assert.deepEqual(names, ["a_b", "c", "cyrus_group", "cyrus_user", "e", "f", "g", "i", "j", "l", "sync_d"]);
});

// When this fails after you made the code obey an option: node scripts/mark-options.ts
test('an option is marked "done" or partly in states.ts exactly when code outside src/config/ reads it', () => {
  const read = namesReadInSources();
  const wrong: string[] = [];
  for (const [name, state] of Object.entries(optionStates)) {
    const file = read.get(name);
    const isObeyed = state === "done" || (typeof state === "object" && "partly" in state);
    if (isObeyed && file === undefined) wrong.push(`${name}: marked as obeyed, and read nowhere`);
    if (!isObeyed && file !== undefined) wrong.push(`${name}: read in src/${file}; mark it "done" in states.ts`);
  }
  for (const [name, { deprecated }] of options) {
    if (deprecated?.use === undefined || !read.has(name)) continue;
    wrong.push(`${name}: an old name, read in src/${read.get(name)}; read ${deprecated.use}`);
  }
  assert.deepEqual(wrong, []);
});
