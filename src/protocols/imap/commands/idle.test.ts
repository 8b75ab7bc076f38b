import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ImapSession } from "../core.ts";
import { idle } from "./idle.ts";

/** @returns what is done for the session, in order */
async function begin(hasNews: boolean): Promise<string[]> {
  const done: string[] = [];
  const shared = { newsCount: 7, changed: () => done.push("looked again") };
  const session = {
    selected: { shared },
    goAhead: () => done.push("+ idling"),
    async tellChanges() {
      await nextTurn();
      done.push("told");
      if (hasNews) shared.newsCount++;
      return true;
    },
    beginIdle: (tag: string) => done.push(`waits as ${tag}`),
  };
  assert.equal(await idle.run(session as unknown as ImapSession, undefined, { tag: "a" } as never), undefined);
  await nextTurn();
  return done;
}

test("what comes while IDLE tells of earlier news is looked for once it waits", async () => {
  assert.deepEqual(await begin(false), ["+ idling", "told", "waits as a"]);
  assert.deepEqual(await begin(true), ["+ idling", "told", "waits as a", "looked again"]);
});
