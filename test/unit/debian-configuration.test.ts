/** Debian's shipped cyrus.conf and imapd.conf, with only paths and ports changed, start under bin/cyr_master. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freePort, until } from "./master-harness.ts";

const root = resolve(import.meta.dirname, "../..");
const testdata = (name: string): string => readFileSync(join(root, "src/config/testdata", name), "latin1");

/** Entry to program of every service in Debian's cyrus.conf. */
const services = new Map([
  ["imap", "cyr_imapd"],
  ["pop3", "cyr_pop3d"],
  ["nntp", "cyr_nntpd"],
  ["http", "cyr_httpd"],
  ["lmtpunix", "cyr_lmtpd"],
  ["sieve", "cyr_timsieved"],
  ["notify", "cyr_notifyd"],
]);

test("Debian's configuration: START succeeds, EVENTS run, what does not exist yet is disabled", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "debian-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ["etc", "lib", "spool", "run/socket", "sieve"]) mkdirSync(join(dir, name), { recursive: true });
  const moved = (text: string): string =>
    text
      .replaceAll("/var/lib/cyrus", `${dir}/lib`)
      .replaceAll("/var/spool/cyrus", `${dir}/spool`)
      .replaceAll("/var/spool/sieve", `${dir}/sieve`)
      .replaceAll("/run/cyrus", `${dir}/run`);
  let cyrusConf = moved(testdata("debian-cyrus.conf"));
  const ports = new Map<string, number>();
  for (const listen of ["imap", "pop3", "nntp", "8008", "localhost:sieve"]) {
    const port = await freePort();
    ports.set(listen, port);
    cyrusConf = cyrusConf.replaceAll(`listen="${listen}"`, `listen="127.0.0.1:${port}"`);
  }
  writeFileSync(join(dir, "etc/cyrus.conf"), cyrusConf);
  writeFileSync(join(dir, "etc/imapd.conf"), moved(testdata("debian-imapd.conf")));
  const logFile = join(dir, "log");
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, "latin1") : "");
  const env = {
    ...process.env,
    PASARGAD_LOG: `file:${logFile}`,
    CYRUS_USER: "root",
    CYRUS_PREFIX: dir,
    NODE_OPTIONS: "",
  };
  const master = spawn(join(root, "bin/cyr_master"), ["-D", "-p", join(dir, "run/pid")], { env, stdio: "pipe" });
  let output = "";
  for (const stream of [master.stdout, master.stderr])
    stream.on("data", (piece: Buffer) => (output += piece.toString()));
  const exit = new Promise<number | null>((done) => master.on("exit", done));
  t.after(() => master.kill("SIGKILL"));
  const details = (): string => output + log();

  await until(() => /ready for work/.test(log()) || master.exitCode !== null, "ready for work", details);
  assert.equal(master.exitCode, null, details());
  assert.match(log(), /ctl_cyrusdb\[\d+\]: done recovering cyrus databases/);
  assert.match(log(), /expire\[\d+\]: Expired 0 and expunged 0 out of 0 messages from 0 mailboxes/);
  assert.match(log(), /expire\[\d+\]: duplicate_prune: purged 0 out of 0 entries/);
  assert.match(log(), /tls_prune: .* not found, nothing to do/);
  await until(() => /done checkpointing cyrus databases/.test(log()), "the first checkpoint", details);

  const missing = [...services].filter(([, program]) => !existsSync(join(root, "src/programs", `${program}.ts`)));
  const disabled = [...log().matchAll(/: (\w+): (cyr_\w+) is not part of this version, entry disabled/g)];
  assert.deepEqual(disabled.map(([, name, program]) => [name, program]).sort(), [...missing].sort());
  t.diagnostic(`not there yet: ${missing.map(([name, program]) => `${name} (${program})`).join(", ") || "nothing"}`);

  if (existsSync(join(root, "src/programs/cyr_imapd.ts"))) {
    assert.match(await greeting(ports.get("imap")!), /^\* OK /);
  }
  // What START did works beside the running server, too.
  for (const [program, ...args] of [
    ["cyr_quota", "-f"],
    ["cyr_expire", "-E", "3"],
    ["cyr_expire", "-E", "4", "-D", "28"],
    ["cyr_expire", "-E", "4", "-X", "28"],
    ["cyr_cyrusdb", "-c"],
    ["cyr_cyrusdb", "-r"],
    ["cyr_reconstruct"],
  ] as const) {
    const { status, stderr } = spawnSync(join(root, "bin", program), args, { env, encoding: "utf8" });
    assert.deepEqual([status, stderr], [0, ""], `${program} ${args.join(" ")}`);
  }
  master.kill("SIGTERM");
  assert.equal(await exit, 0, details());
  assert.doesNotMatch(log(), /exited, status [1-9]|signaled to death/);
});

/** The first line of a service that goes on talking. */
function greeting(port: number): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", (piece) => {
      socket.destroy();
      done(piece.toString("latin1"));
    });
    socket.on("error", fail);
  });
}
