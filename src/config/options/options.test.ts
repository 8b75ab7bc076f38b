import assert from "node:assert/strict";
import { test } from "node:test";
import { configFromText } from "../imapd-conf.ts";
import { parseVersion } from "../info.ts";
import { defaultOf } from "../resolve.ts";
import { parseDuration } from "../values.ts";
import { type CurrentOptionName, options, type OptionValues } from "./index.ts";
import { ownOptions } from "./own.ts";
import { optionStates } from "./states.ts";

test("the table has every option of Cyrus IMAP 3.6, two limits that came as security fixes, and our own", () => {
  assert.equal(options.size, 524 + 2 + Object.keys(ownOptions).length);
  assert.ok(options.has("maxargssize") && options.has("maxliteral"));
});

test("names can be written in imapd.conf, and are told apart from the members of Config", () => {
  const members = new Set(Object.keys(configFromText()));
  const values = new Set(options.keys());
  for (const name of values) assert.match(name, /^[a-z0-9_]+$/);
  for (const member of members) {
    if (!values.has(member)) assert.match(member, /^[a-z]+[A-Z]?[A-Za-z]*$/, member);
  }
  for (const member of [
    "partitions",
    "notices",
    "sasl",
    "raw",
    "origin",
    "text",
    "channel",
    "settings",
    "file",
    "service",
  ]) {
    assert.ok(members.has(member) && !values.has(member), member);
  }
});

test("descriptions are complete, and defaults are values of their option", () => {
  for (const [name, option] of options) {
    assert.ok(option.help.length > 3 && option.areas.length > 0, name);
    assert.ok(parseVersion(option.since), name);
    if (option.type === "duration" && option.default !== undefined) {
      assert.notEqual(parseDuration(option.default, option.unit), undefined, name);
    }
    if (option.type === "enum" || option.type === "stringlist") {
      assert.ok(option.default === undefined || option.words.includes(option.default), name);
    }
    if (option.type === "bitfield") for (const word of option.default) assert.ok(option.words.includes(word), name);
  }
});

test("an old name has a current one of the same kind", () => {
  for (const [name, { deprecated, type }] of options) {
    if (deprecated?.use === undefined) continue;
    const target = options.get(deprecated.use);
    assert.ok(target && target.deprecated === undefined, name);
    assert.equal(target.type, type, name);
    assert.ok(!Object.hasOwn(optionStates, name), name);
  }
});

test("the configuration has the default of each option under its name", () => {
  const config = configFromText();
  for (const name of Object.keys(optionStates) as CurrentOptionName[]) {
    if (name === "configdirectory") continue;
    assert.deepEqual(config[name], defaultOf(options.get(name)!, "/var/lib/cyrus").value, name);
  }
});

test("types follow the table", () => {
  // What matters here is that this compiles.
  const values: Partial<OptionValues> = {
    delete_mode: "immediate",
    timeout: 3,
    allowplaintext: true,
    httpmodules: new Set(["caldav"] as const),
    proc_path: undefined,
    sql_engine: undefined,
    admins: "",
  };
  // @ts-expect-error no word of this option
  values satisfies { delete_mode: "sometimes" };
  assert.equal(values.timeout, 3);
});
