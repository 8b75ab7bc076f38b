import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveIdentity, effectiveSyslogPrefix, umaskOf, verbosity } from "./environment.ts";
import { configFromText } from "./imapd-conf.ts";

test("the environment wins over the file, and the file over the default", () => {
  const set = configFromText("cyrus_user: mail\ncyrus_group: post\nsyslog_prefix: file");
  const unset = configFromText();
  assert.deepEqual(effectiveIdentity(unset, {}), { user: "cyrus", group: undefined });
  assert.deepEqual(effectiveIdentity(set, {}), { user: "mail", group: "post" });
  assert.deepEqual(effectiveIdentity(set, { CYRUS_USER: "u", CYRUS_GROUP: "g" }), { user: "u", group: "g" });
  assert.equal(effectiveSyslogPrefix(set, {}), "file");
  assert.equal(effectiveSyslogPrefix(set, { CYRUS_SYSLOG_PREFIX: "env" }), "env");
  assert.equal(effectiveSyslogPrefix(undefined, {}), undefined);
});

test("verbosity is one more than the variable", () => {
  assert.deepEqual(
    [{}, { CYRUS_VERBOSE: "0" }, { CYRUS_VERBOSE: "5" }, { CYRUS_VERBOSE: "x" }].map(verbosity),
    [0, 1, 6, 0],
  );
});

test("umask is octal, with other characters passed over", () => {
  const masks = ["077", "0027", "u=027", "999"].map((text) => umaskOf(configFromText(`umask: ${text}`)));
  assert.deepEqual([umaskOf(configFromText()), ...masks], [0o77, 0o77, 0o27, 0o27, 0o77]);
});
