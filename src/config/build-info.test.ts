import assert from "node:assert/strict";
import { test } from "node:test";
import { buildInfo, formatBuildInfo } from "./build-info.ts";

test("the three formats", () => {
  const info = { component: { idled: true, jmap: false }, search: { xapian_cjk_tokens: "none" }, hardware: {} };
  assert.equal(
    formatBuildInfo(info, "dense"),
    '{"component": {"idled": true, "jmap": false}, "search": {"xapian_cjk_tokens": "none"}, "hardware": {}}',
  );
  assert.equal(
    formatBuildInfo(info, "flat"),
    "component.idled=true\ncomponent.jmap=false\nsearch.xapian_cjk_tokens=none",
  );
  const pretty = formatBuildInfo(info, "pretty");
  assert.deepEqual(JSON.parse(pretty), info);
  assert.ok(pretty.startsWith('{\n  "component": {\n    "idled": true,\n') && pretty.endsWith('  "hardware": {}\n}'));
});

test("components are there when their programs are", () => {
  const none = buildInfo(() => false);
  assert.deepEqual(Object.keys(none), ["component", "dependency", "database", "search", "hardware"]);
  assert.equal(none["component"]!["nntpd"], false);
  assert.equal(none["component"]!["jmap"], false);
  const some = buildInfo((name) => ["cyr_nntpd", "cyr_sync_client"].includes(name));
  assert.equal(some["component"]!["nntpd"], true);
  assert.equal(some["component"]!["replication"], false);
  assert.equal(none["database"]!["sqlite"], true);
});
