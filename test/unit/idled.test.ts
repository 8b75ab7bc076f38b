/** cyr_idled under cyr_master, from DAEMON and from START: another program hears of deliveries; it ends with master. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { closeDescriptor, openListener, receiveDatagram, sendDatagram } from "../../src/base/native/index.ts";
import { decodeIdle, encodeIdle } from "../../src/protocols/idle/index.ts";
import { LmtpTestClient } from "../support/lmtp-server.ts";
import { freePort, until } from "./master-harness.ts";

const root = resolve(import.meta.dirname, "../..");

/** Command lines of the running processes that name the directory. */
function running(dir: string, program: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "latin1");
      return command.includes(dir) && command.includes(`/${program}.ts`);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

for (const section of ["DAEMON", "START"] as const) {
  test(`from ${section}: who waits at idlesocket hears of deliveries, and of the end`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "idled-"));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    for (const name of ["conf", "spool", "run"]) mkdirSync(join(dir, name));
    const port = await freePort();
    writeFileSync(
      join(dir, "imapd.conf"),
      `configdirectory: ${dir}/conf
partition-default: ${dir}/spool
defaultpartition: default
admins: cyrus
idlesocket: ${dir}/run/idle
autocreate_post: yes
autocreate_quota: 0
autocreate_users: anyone
`,
    );
    const flags = `-C ${dir}/imapd.conf`;
    writeFileSync(
      join(dir, "cyrus.conf"),
      `${section} {\n idled cmd="idled ${flags}"\n}\nSERVICES {\n lmtp cmd="lmtpd -a ${flags}" listen="127.0.0.1:${port}" prefork=0\n}\n`,
    );
    const logFile = join(dir, "log");
    const log = (): string => (existsSync(logFile) ? readFileSync(logFile, "latin1") : "");
    const args = ["-D", "-C", join(dir, "imapd.conf"), "-M", join(dir, "cyrus.conf"), "-p", join(dir, "run/pid")];
    const env = { ...process.env, PASARGAD_LOG: `file:${logFile}`, CYRUS_USER: "root", NODE_OPTIONS: "" };
    const master = spawn(join(root, "bin/cyr_master"), args, { env, stdio: "ignore" });
    const exit = new Promise<number | null>((done) => master.on("exit", done));
    t.after(() => master.kill("SIGKILL"));
    await until(() => /ready for work/.test(log()) || master.exitCode !== null, "ready for work", log);
    // START is over when idled serves; a DAEMON without wait= comes up by itself.
    if (section === "START") assert.ok(existsSync(join(dir, "run/idle")), log());
    await until(() => existsSync(join(dir, "run/idle")), "idlesocket", log);
    const second = spawnSync(join(root, "bin/cyr_idled"), ["-d", "-C", join(dir, "imapd.conf")], {
      env,
      encoding: "utf8",
    });
    assert.deepEqual([second.status, second.stderr], [69, `cyr_idled: ${dir}/run/idle is served by another process\n`]);

    const path = join(dir, "run/idle.1");
    const fd = openListener({ type: "datagram", address: { family: "unix", path } });
    t.after(() => closeDescriptor(fd));
    const heard: string[] = [];
    const listen = (): string[] => {
      for (let datagram = receiveDatagram(fd); datagram !== undefined; datagram = receiveDatagram(fd)) {
        const message = decodeIdle(datagram.octets);
        heard.push(`${message?.kind} ${message?.name}`);
      }
      return heard;
    };
    sendDatagram(fd, encodeIdle({ kind: "init", name: "user.fred" }), join(dir, "run/idle"));
    const lmtp = new LmtpTestClient(connect(port, "127.0.0.1"));
    t.after(() => lmtp.socket.destroy());
    await lmtp.reply();
    // The first delivery makes the mailbox, which is news, too.
    assert.match((await lmtp.deliver("Subject: 1\r\n\r\nx\r\n", ["fred"]))[0]!, /^250 /);
    await until(() => listen().includes("notify user.fred"), "news of the new mailbox", log);
    heard.length = 0;
    assert.match((await lmtp.deliver("Subject: 2\r\n\r\nx\r\n", ["fred"]))[0]!, /^250 /);
    await until(() => listen().includes("notify user.fred"), "news of a delivery", log);

    assert.equal(running(dir, "cyr_idled").length, 1);
    master.kill("SIGTERM");
    assert.equal(await exit, 0, log());
    await until(() => listen().includes("alert ."), "the alert", log);
    await until(() => running(dir, "cyr_idled").length === 0, "the end of idled", log);
    assert.equal(existsSync(join(dir, "run/idle")), false);
  });
}
