import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { takeEndRequests } from "../server/proc/proc-files.ts";

const conf = resolve(import.meta.dirname, "../config/testdata/debian-imapd.conf");
const cyrusConf = resolve(import.meta.dirname, "../config/testdata/debian-cyrus.conf");

function run(program: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const script = join(import.meta.dirname, `${program}.ts`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

test("cyr_info reads the files it is given, and answers on the right stream with the right code", () => {
  const shown = run("cyr_info", "conf", "-C", conf);
  assert.equal(shown.status, 0);
  assert.match(shown.out, /^popminpoll: 1$/m);
  assert.equal(shown.err, "");
  const lint = run("cyr_info", "-C", conf, "-M", cyrusConf, "conf-lint");
  assert.equal(lint.out, "newsspool: /var/spool/news\n");
  assert.match(lint.err, /debian-cyrus\.conf:\d+: pop3: pop3d is not part of this version; the service is disabled/);
  assert.doesNotMatch(lint.err, /(?:imapd|lmtpd|expire|cyrusdb|tls_prune) is not part/);
  assert.match(lint.err, /debian-cyrus\.conf:4: delprune: .*move it from START to EVENTS/);
  const missing = run("cyr_info", "conf", "-C", "/nonexistent");
  assert.equal(missing.status, 78);
  assert.match(missing.err, /^fatal error: can't open configuration file \/nonexistent: No such file or directory/);
});

test("cyr_buildinfo prints JSON, or says how it is used", () => {
  const { status, out } = run("cyr_buildinfo", "-C", "ignored");
  assert.equal(status, 0);
  assert.equal(typeof JSON.parse(out).component.idled, "boolean");
  const wrong = run("cyr_buildinfo", "fancy");
  assert.deepEqual([wrong.status, wrong.out], [255, ""]);
});

test("cyr_info proc end asks the session's worker", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "info-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "proc"));
  writeFileSync(
    join(dir, "imapd.conf"),
    `configdirectory: ${dir}\npartition-default: ${dir}/spool\ncyrus_user: root\n`,
  );
  const flags = ["-C", join(dir, "imapd.conf")];
  const name = `${process.pid}.12`;
  const missing = run("cyr_info", ...flags, "proc", "end", name);
  assert.deepEqual([missing.status, missing.out], [1, ""]);
  assert.equal(missing.err, `cyr_info: ${name}: there is no such session; cyr_info proc lists them\n`);
  // This process is the worker.
  writeFileSync(join(dir, "proc", name), "imap\t[192.0.2.1]\tfred\tuser.fred\t\n");
  process.report.reportOnSignal = false; // Node's test runner has it on
  const signalled = new Promise((done) => process.once("SIGUSR2", done));
  assert.equal(run("cyr_info", ...flags, "proc").out, `${name} imap [192.0.2.1] fred user.fred \n`);
  assert.deepEqual(run("cyr_info", ...flags, "proc", "end", name), { status: 0, out: "", err: "" });
  await signalled;
  assert.deepEqual(takeEndRequests(join(dir, "proc")), [12]);
  assert.equal(run("cyr_info", ...flags, "proc", "end").status, 255);
});
