import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPidFile, OptionError, parseMasterOptions } from "./options.ts";

test("flags in getopt's manner, unknown ones ignored", () => {
  const options = parseMasterOptions(["-dvv", "-l10", "-C", "a.conf", "-M", "b.conf", "-p", "pid", "-x", "-L", "out"]);
  assert.deepEqual(options, {
    imapdConf: "a.conf",
    cyrusConf: "b.conf",
    pidFile: "pid",
    daemon: true,
    keepOutput: false,
    outputFile: "out",
    backlog: 10,
    janitorFrequency: 1,
    verbose: 2,
    version: false,
  });
  assert.equal(parseMasterOptions([]).pidFile, defaultPidFile);
  assert.equal(parseMasterOptions(["-V"]).version, true);
});

test("values that cannot be", () => {
  for (const argv of [["-d", "-D"], ["-j", "0"], ["-l", "many"], ["-C"], ["-l-5"]]) {
    assert.throws(() => parseMasterOptions(argv), OptionError, argv.join(" "));
  }
});
