import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type CommandResult, runInfo } from "./command-info.ts";
import { parseVersion } from "./info.ts";
import { options } from "./options/index.ts";
import { version } from "./version.ts";

const scratch = mkdtempSync(join(tmpdir(), "pasargad-info-"));
after(() => rmSync(scratch, { recursive: true }));

const cyrusConf = 'SERVICES {\n imap cmd="imapd" listen="imap"\n}\n';

/** Runs a command on an imapd.conf and a cyrus.conf of these texts. */
function info(command: string, imapdConf: string, cyrus = cyrusConf): CommandResult {
  writeFileSync(join(scratch, "i"), `configdirectory: ${scratch}\n${imapdConf}`);
  writeFileSync(join(scratch, "c"), cyrus);
  return runInfo([...command.split(" "), "-C", join(scratch, "i"), "-M", join(scratch, "c")], {});
}

const settings =
  "timeout: 45\nmaxliteral: 0x10\nfoo: bar\nhttpmodules: jmap   caldav\nsearch_engine: none\npopminpoll: 1h30m\nallowplaintext: t\narchive_days: 3\nimap_timeout: 40\nflushseenstate: 0\n";

test("conf prints what differs from the defaults as Cyrus does, then all other settings", () => {
  assert.deepEqual(info("conf", settings).out, [
    "allowplaintext: yes",
    "archive_after: 3",
    `configdirectory: ${scratch}`,
    "flushseenstate: no",
    "httpmodules: caldav jmap",
    "maxliteral: 16",
    "popminpoll: 1h30m",
    "timeout: 45",
    "foo: bar",
    "archive_days: 3",
    "imap_timeout: 40",
    "flushseenstate: 0",
  ]);
});

test("-n shows what a service gets", () => {
  const { out } = info("conf -n imap", settings);
  assert.ok(out.includes("timeout: 40"));
  assert.ok(!out.some((line) => line.startsWith("imap_timeout")));
});

test("conf-all has every option, conf-default every default", () => {
  const all = info("conf-all", settings).out;
  assert.equal(all.length, options.size + 4);
  assert.ok(all.includes("imapidletimeout: ") && all.includes("timeout: 45"));
  const defaults = info("conf-default", settings).out;
  assert.equal(defaults.length, options.size);
  for (const line of [
    "timeout: 32m",
    "idlesocket: {configdirectory}/socket/idle",
    "httpmodules: ",
    "popexpiretime: -1",
  ]) {
    assert.ok(defaults.includes(line), line);
  }
});

test("-s marks what is newer", () => {
  const { out } = info("conf-default -s 3.4.0", "");
  assert.ok(out.includes("(3.6.0) mailbox_legacy_dirs: no"));
  assert.ok(out.includes("timeout: 32m"));
  assert.deepEqual(parseVersion("3"), [3, 0, 0]);
  assert.deepEqual(parseVersion("3.4"), [3, 4, 0]);
  assert.deepEqual(parseVersion("cyrus-imapd-3.4.1-Debian-3"), [3, 4, 1]);
  assert.equal(parseVersion("new"), undefined);
  assert.equal(info("conf -s new", "").exitCode, 255);
});

test("passwords are hidden", () => {
  const { out } = info(
    "conf",
    "proxy_password: s3cret\nmail1_password: s3cret\nsasl_ldapdb_pw: s3cret\nnewspeer: u:s3cret@h/*\n",
  );
  assert.doesNotMatch(out.join("\n"), /s3cret/);
  assert.ok(out.includes("newspeer: u:(hidden)@h/*"));
  const lint = info("conf-lint", "ldap_passwrd: x\nimap_passphrase: s3cret\nmy_secret_key: s3cret\n");
  assert.ok(lint.out.includes("imap_passphrase: (hidden)"), lint.out.join("\n"));
  assert.doesNotMatch([...lint.out, ...lint.err].join("\n"), /s3cret/);
});

test("version needs no configuration", () => {
  assert.deepEqual(runInfo(["version", "-C", "/nonexistent"], {}).out, [`cyrus-imapd ${version}`]);
  assert.match(version, /^3\.6\.1-Pasargad-/);
});

test("wrong usage gives 255, a wrong configuration 78 and the text after fatal error", () => {
  for (const argv of [[], ["nothing"], ["conf", "-Z"], ["conf", "-C"]]) {
    const { exitCode, out, err } = runInfo(argv, {});
    assert.deepEqual([exitCode, out.length, err.length > 5], [255, 0, true]);
  }
  const broken = info("conf", "maxquoted: many\n");
  assert.equal(broken.exitCode, 78);
  assert.match(broken.err.join(), /^fatal error: non-integer value for maxquoted in line 2 \(.*\/i:2: /);
  assert.equal(runInfo(["conf", "-C", "/nonexistent"], {}).exitCode, 78);
});

test("conf-lint prints unknown settings to stdout alone, and reasons with their place to stderr", () => {
  const { out, err, exitCode } = info(
    "conf-lint",
    "expunge_mod: delayed\nimap_timeout: 40\npop3_timeout: 40\npartition-a: /a\n",
  );
  assert.deepEqual(out, ["expunge_mod: delayed", "pop3_timeout: 40"]);
  const i = join(scratch, "i");
  assert.deepEqual(err.slice(0, 2), [
    `${i}:2: option 'expunge_mod' is unknown and has no effect; did you mean expunge_mode?`,
    `${i}:4: option 'pop3_timeout' is unknown and has no effect; there is no service 'pop3' in cyrus.conf`,
  ]);
  assert.equal(exitCode, 0);
});

test("conf-lint of a cyrus.conf that does not start ends with 78 and names every error", () => {
  const { err, exitCode } = info("conf-lint", "", "SERVICES {\n a-b cmd=x\n c cmd=x\n}\n");
  assert.equal(exitCode, 78);
  assert.equal(err.filter((line) => line.includes("bad character") || line.includes("unable to find")).length, 2);
});

test("proc prints a line for each session, as Cyrus does", () => {
  const dir = join(scratch, "proc");
  mkdirSync(dir);
  assert.deepEqual(info("proc", "proc_path: /nonexistent\n").out, []);
  writeFileSync(join(dir, "146"), "imap\tlocalhost [127.0.0.1]\tfred\tuser.fred\t\n");
  writeFileSync(join(dir, "34.10"), "x\tlocalhost [127.0.0.1]\t\t\t\n");
  writeFileSync(join(dir, "34.2"), "imap\ta\x1b[2J\tb\n");
  writeFileSync(join(dir, "99.new"), "half");
  assert.deepEqual(info("proc", "").out, [
    "34.2 imap a?[2J b  ",
    "34.10 x localhost [127.0.0.1]   ",
    "146 imap localhost [127.0.0.1] fred user.fred ",
  ]);
});
