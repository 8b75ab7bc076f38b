import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import { parseCyrusConf } from "./cyrus-conf.ts";
import { parseImapdConf } from "./imapd-conf.ts";
import { lintConfiguration } from "./lint/index.ts";
import { builtInServices, makeServices } from "./services.ts";
import { requireMailStore } from "./start-checks.ts";

const examples = resolve(import.meta.dirname, "../../doc/examples");
/** A machine whose /etc/services has the lines that the README asks for. */
const services = makeServices(builtInServices);

/** Everything but options that are still to come: a sample shows the server as it is meant to be. */
function lint(imapdConf: string, cyrusConf: string): readonly string[] {
  // The samples and Debian's files are made for /etc: their cmd= lines name no imapd.conf.
  const config = parseImapdConf(readFileSync(imapdConf), { file: "/etc/imapd.conf" });
  requireMailStore(config);
  const parsed = parseCyrusConf(readFileSync(cyrusConf), { file: cyrusConf, services });
  return lintConfiguration(config, parsed, services)
    .filter(({ text }) => !text.includes("is not supported yet"))
    .map(({ file, line, text }) => `${basename(file)}:${line}: ${text}`);
}

test("each sample of cyrus.conf is clean together with its imapd.conf", () => {
  const samples = globSync("cyrus_conf/*.conf", { cwd: examples }).sort();
  assert.ok(samples.length >= 8);
  for (const sample of samples) {
    const own = join(examples, "imapd_conf", basename(sample));
    const imapdConf = ["small.conf", "prefork.conf"].includes(basename(sample))
      ? join(examples, "imapd_conf/normal.conf")
      : own;
    assert.deepEqual(lint(imapdConf, join(examples, sample)), [], sample);
  }
});

test("no sample of imapd.conf is without its cyrus.conf", () => {
  const names = globSync("imapd_conf/*.conf", { cwd: examples }).map((path) => basename(path));
  for (const name of names) assert.ok(readFileSync(join(examples, "cyrus_conf", name)).length > 0);
});

test("the samples keep ephemeral databases out of START", () => {
  for (const sample of globSync("cyrus_conf/*.conf", { cwd: examples })) {
    const { start } = parseCyrusConf(readFileSync(join(examples, sample)), { file: sample, services });
    assert.deepEqual(start[0]!.cmd, ["ctl_cyrusdb", "-r"], sample);
  }
});

test("a configuration shaped like Debian's starts as it is; lint says what to move", () => {
  const data = join(import.meta.dirname, "testdata");
  const findings = lint(join(data, "debian-imapd.conf"), join(data, "debian-cyrus.conf"));
  assert.deepEqual(
    findings.map((text) => text.replace(/ works on .*/, " ...")),
    [
      "imapd.conf:8: option 'newsspool' is unknown and has no effect; Cyrus 3.6 has no such option",
      "debian-cyrus.conf:4: delprune: '/usr/sbin/cyrus expire -E 3' ...",
      "debian-cyrus.conf:5: tlsprune: '/usr/sbin/cyrus tls_prune' ...",
    ],
  );
  const config = parseImapdConf(readFileSync(join(data, "debian-imapd.conf")), { service: "imap" });
  assert.equal(config.tls_session_timeout, 86_400);
  assert.equal(config.unixhierarchysep, false);
  assert.equal(config.sieveusehomedir, false);
  assert.equal(config.hashimapspool, true);
  assert.equal(config.sasl("pwcheck_method"), "auxprop");
  assert.deepEqual([...config.partitions.keys()], ["default", "news"]);
});
