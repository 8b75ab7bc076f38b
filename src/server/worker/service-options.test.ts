import assert from "node:assert/strict";
import { test } from "node:test";
import { parseServiceOptions, UsageError } from "./service-options.ts";

test("generic flags, own flags, the rest", () => {
  const options = parseServiceOptions(["-C", "/etc/x.conf", "-U", "30", "-T", "60", "-sN", "-p", "2", "word"], "sp:Nq");
  assert.equal(options.configFile, "/etc/x.conf");
  assert.deepEqual(options.hasNoEffect, ["U", "T"]);
  assert.deepEqual(
    [...options.flags],
    [
      ["s", ""],
      ["N", ""],
      ["p", "2"],
    ],
  );
  assert.deepEqual(options.rest, ["word"]);
  assert.equal(options.standalone || options.debug || options.proxyProtocol, false);
  assert.equal(parseServiceOptions(["-X", "-D", "-H"], "").proxyProtocol, true);
  assert.deepEqual(parseServiceOptions(["--", "-x"], "").rest, ["-x"]);
});

test("what is refused", () => {
  for (const argv of [["-U30"], ["-U"], ["-U", "many"], ["-z"], ["-sz"], ["-sp"]]) {
    assert.throws(() => parseServiceOptions(argv, "sp:"), UsageError, argv.join(" "));
  }
});
