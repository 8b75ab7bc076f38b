import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { test } from "node:test";

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
