/** SERVICES of a real master, served by foreign programs and by workers. */
import assert from "node:assert/strict";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { openSocket, sendDatagram } from "../../src/base/native/index.ts";
import {
  ask,
  foreignService,
  freePort,
  isAlive,
  makeSite,
  processesOf,
  until,
  workerProgram,
} from "./master-harness.ts";

const hasPerl = existsSync("/usr/bin/perl");
const foreign = { skip: !hasPerl && "needs /usr/bin/perl" };

async function hasIPv6(): Promise<boolean> {
  return freePort("::1").then(
    () => true,
    () => false,
  );
}

/** Connects and waits for the greeting line. */
async function open(where: number | string): Promise<{ socket: Socket; greeting: string }> {
  const socket = typeof where === "number" ? connect(where, "127.0.0.1") : connect(where);
  let text = "";
  socket.on("data", (piece) => (text += piece.toString("latin1")));
  socket.on("error", () => undefined);
  await until(() => text.includes("\n"), "a greeting");
  return { socket, greeting: text.trim() };
}

test("prefork=0: nothing runs until a connection comes, which is then served", foreign, async (t) => {
  const site = makeSite(t);
  const port = await freePort();
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {\n one cmd="${program}" listen="127.0.0.1:${port}" prefork=0\n}`);
  const master = site.start();
  await master.ready();
  assert.deepEqual(processesOf(site), [master.pid]);
  const [name, id, pid] = (await ask(port)).trim().split(" ");
  assert.deepEqual([name, id], ["one", "0"]);
  assert.equal((await ask(port)).trim(), `one 0 ${pid}`); // the same process, still there
  process.kill(Number(pid), "SIGKILL");
  await until(() => !isAlive(Number(pid)), "the end of the process");
  const next = (await ask(port)).trim().split(" ")[2];
  assert.notEqual(next, pid);
  assert.equal(await master.stop(), 0);
});

test("a connection that waits while every process is busy gets one of its own, up to maxchild", foreign, async (t) => {
  const site = makeSite(t);
  const path = site.file("socket");
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {\n one cmd="${program}" listen="${path}" maxchild=2\n}`);
  writeFileSync(site.file("hold"), "");
  const master = site.start();
  await master.ready();
  const first = await open(path);
  const second = await open(path);
  assert.notEqual(first.greeting, second.greeting);
  const third = ask(path); // waits in the queue
  assert.equal(processesOf(site).length, 3);
  rmSync(site.file("hold"));
  assert.ok([first.greeting, second.greeting].includes((await third).trim()));
  for (const { socket } of [first, second]) socket.destroy();
});

test("prefork=2 keeps two ready; one that is killed is replaced", foreign, async (t) => {
  const site = makeSite(t);
  const path = site.file("socket");
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {\n one cmd="${program}" listen="${path}" prefork=2\n}`);
  const master = site.start();
  await master.ready();
  const children = (): number[] => processesOf(site).filter((pid) => pid !== master.pid);
  await until(() => children().length === 2, "two processes");
  const [victim] = children();
  process.kill(victim!, "SIGKILL");
  await until(() => children().length === 2 && !children().includes(victim!), "a new process");
  await site.logged(/service one\/unix pid \d+ in READY state: terminated abnormally/);
  assert.match(site.log(), /signaled to death by signal 9 \(SIGKILL\)/);
  assert.match(await ask(path), /^one 0 \d+/);
});

test("IPv4 and IPv6 are sockets of their own, numbered by CYRUS_ID", foreign, async (t) => {
  if (!(await hasIPv6())) return t.skip("no IPv6 here");
  const site = makeSite(t);
  const [v4, v6] = [await freePort(), await freePort("::1")];
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {
    four cmd="${program}" listen="127.0.0.1:${v4}" proto="tcp4" prefork=1
    six cmd="${program}" listen="[::1]:${v6}" prefork=1
  }`);
  await site.start().ready();
  assert.match(await ask(v4), /^four 0/);
  assert.match(await ask(v6, "::1"), /^six 0/);
});

test("a Unix socket is open to all and takes the place of an old one", foreign, async (t) => {
  const site = makeSite(t);
  const path = site.file("socket");
  writeFileSync(path, "left over");
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {\n one cmd="${program} a b" listen="${path}" prefork=1\n}`);
  await site.start().ready();
  assert.equal(statSync(path).mode & 0o777, 0o777);
  assert.match(await ask(path), /^one 0/);
});

test("the directory of a Unix socket is made where it is missing", foreign, async (t) => {
  const site = makeSite(t);
  const path = site.file("run/cyrus/socket/lmtp");
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {\n one cmd="${program}" listen="${path}" prefork=1\n}`);
  await site.start().ready();
  assert.equal(statSync(site.file("run/cyrus/socket")).mode & 0o777, 0o755);
  assert.match(await ask(path), /^one 0/);
});

test("a Unix socket that cannot be bound is named in the log", foreign, async (t) => {
  const site = makeSite(t);
  writeFileSync(site.file("plain"), "");
  const program = site.script("service", foreignService);
  site.conf(`SERVICES {\n one cmd="${program}" listen="${site.file("plain/lmtp")}"\n}`);
  await site.start().ready();
  const line = `unable to bind to one/unix socket ${site.file("plain/lmtp")}: `;
  assert.ok(site.log().includes(line), site.log());
});

test("what imapd.conf says without effect is logged once for all workers, and again after SIGHUP", async (t) => {
  const site = makeSite(t);
  const fixture = resolve(import.meta.dirname, "../../src/server/worker/fixtures/echo-worker.ts");
  writeFileSync(join(site.programs, "cyr_imapd.ts"), `import ${JSON.stringify(fixture)};`);
  site.imapdConf("notesmailbox: Notes\ntwo_chatty: yes");
  const conf = site.file("imapd.conf");
  const names = ["one", "two", "three"];
  const entries = names.map((name) => ` ${name} cmd="imapd -C ${conf}" listen="${site.file(name)}" prefork=1`);
  site.conf(`SERVICES {\n${entries.join("\n")}\n}`);
  const count = (text: RegExp): number => site.log().match(text)?.length ?? 0;
  const serve = async (): Promise<void> => {
    for (const name of names) (await open(site.file(name))).socket.destroy();
  };
  const master = site.start();
  await master.ready();
  await serve();
  assert.equal(count(/Option 'notesmailbox' is not supported yet/g), 1, site.log());
  assert.equal(count(/Option 'chatty' is not supported yet/g), 1, site.log());
  master.signal("SIGHUP");
  await site.logged(/Services reconfigured/);
  await serve();
  assert.equal(count(/Option 'notesmailbox' is not supported yet/g), 2, site.log());
  assert.equal(count(/Option 'chatty' is not supported yet/g), 2, site.log());
});

test("a datagram service gets the datagram that woke it", foreign, async (t) => {
  const site = makeSite(t);
  const path = site.file("socket");
  const program = site.script(
    "service",
    `#!/usr/bin/perl
     use Socket;
     open(my $socket, "+<&=4") or die; open(my $master, ">&=3") or die;
     while (defined(recv($socket, my $text, 1000, 0))) {
       syswrite $master, pack("ll", 2, $$);
       open(my $out, ">>", "${site.file("out")}"); print $out "$text\\n"; close $out;
       syswrite $master, pack("ll", 1, $$);
     }`,
  );
  site.conf(`SERVICES {\n notify cmd="${program}" listen="${path}" proto="udp"\n}`);
  const master = site.start();
  await master.ready();
  assert.deepEqual(processesOf(site), [master.pid]);
  const sender = openSocket("unix", "datagram");
  assert.ok(sendDatagram(sender, Buffer.from("first"), path) && sendDatagram(sender, Buffer.from("second"), path));
  const out = (): string => (existsSync(site.file("out")) ? String(statSync(site.file("out")).size) : "0");
  await until(() => out() === "13", "both datagrams");
  assert.equal(processesOf(site).length, 2);
});

test("SIGHUP adds, removes and moves services; others keep their sockets", foreign, async (t) => {
  const site = makeSite(t);
  const program = site.script("service", foreignService);
  const [keep, gone, added, moved] = ["keep", "gone", "added", "moved"].map((name) => site.file(name));
  site.conf(`SERVICES {
    keep cmd="${program}" listen="${keep}" prefork=1
    gone cmd="${program}" listen="${gone}" prefork=1
    move cmd="${program}" listen="${site.file("old")}" prefork=1
  }`);
  const master = site.start();
  await master.ready();
  const inode = statSync(keep!).ino;
  const before = processesOf(site);
  site.conf(`SERVICES {
    keep cmd="${program}" listen="${keep}" prefork=1
    added cmd="${program}" listen="${added}"
    move cmd="${program}" listen="${moved}"
    broken cmd="/nonexistent/program" listen="${site.file("broken")}"
  }`);
  master.signal("SIGHUP");
  await site.logged(/Services reconfigured\. 3 out of \d+ \(max \d+\) services structures and 0 out of/);
  assert.match(site.log(), /got SIGHUP/);
  assert.match(site.log(), /cannot find executable for service 'broken'.* -- ignored/);
  // The processes of before were sent SIGHUP, by which these die.
  await until(() => before.every((pid) => pid === master.pid || !isAlive(pid)), "the end of the old processes");
  for (const [name, path] of [
    ["keep", keep],
    ["added", added],
    ["move", moved],
  ] as const) {
    assert.match(await ask(path!), new RegExp(`^${name} 0`));
  }
  assert.equal(statSync(keep!).ino, inode);
  await assert.rejects(ask(gone!), { code: "ECONNREFUSED" });
  site.conf("SERVICES {\n bad-name cmd=x listen=y\n}");
  master.signal("SIGHUP");
  await site.logged(/bad character.* -- ignored/);
  assert.match(await ask(keep!), /^keep 0/); // a slip in the file takes nothing down
});

test("a service that fails five times while ready is switched off until SIGHUP", foreign, async (t) => {
  const site = makeSite(t);
  const path = site.file("socket");
  const program = site.script("service", "#!/bin/sh\nexit 3\n");
  site.conf(`SERVICES {\n one cmd="${program}" listen="${path}" prefork=1\n}`);
  const master = site.start();
  await master.ready();
  await site.logged(/too many failures for service one\/unix, disabling until next SIGHUP/);
  assert.equal(site.log().match(/exited, status 3/g)?.length, 5);
  await assert.rejects(ask(path), { code: "ECONNREFUSED" });
  site.script("service", foreignService);
  master.signal("SIGHUP");
  await site.logged(/Services reconfigured/);
  assert.match(await ask(path), /^one 0/);
});

test("programs of Cyrus's that do not exist here disable their entries and nothing else", foreign, async (t) => {
  const site = makeSite(t);
  const program = site.script("service", foreignService);
  site.conf(`START {\n build cmd="/usr/sbin/cyrus ctl_zoneinfo -r x"\n}
SERVICES {
  http cmd="httpd" listen="127.0.0.1:1"
  http2 cmd="/usr/lib/cyrus/bin/httpd -s" listen="127.0.0.1:1"
  one cmd="${program}" listen="${site.file("socket")}"
  odd cmd="${program}" listen="no-such-service-name"
}
DAEMON {\n sync cmd="sync_client -r"\n}
EVENTS {\n tls cmd="/usr/sbin/cyrus tls_prune"\n}`);
  await site.start().ready();
  assert.match(await ask(site.file("socket")), /^one 0/);
  for (const [name, missing] of [
    ["build", "cyr_zoneinfo"],
    ["http", "cyr_httpd"],
    ["http2", "cyr_httpd"],
    ["sync", "cyr_sync_client"],
    ["tls", "cyr_tls_prune"],
  ]) {
    await site.logged(new RegExp(`: ${name}: ${missing} is not part of this version, entry disabled`));
  }
  assert.match(site.log(), /disabling odd/);
});

test("master_bind_errors_fatal decides what a taken port means at the start", foreign, async (t) => {
  const site = makeSite(t);
  const program = site.script("service", foreignService);
  const port = await freePort();
  const entry = (name: string): string => `${name} cmd="${program}" listen="127.0.0.1:${port}"`;
  site.conf(`SERVICES {\n ${entry("one")}\n ${entry("two")}\n}`);
  const master = site.start();
  await master.ready();
  assert.match(site.log(), /unable to bind to two\/ipv4 socket \[127\.0\.0\.1\]:\d+: EADDRINUSE/);
  assert.match(site.log(), /unable to create two listener socket \[127/);
  assert.match(await ask(port), /^one 0/);
  assert.equal(await master.stop(), 0);
  site.imapdConf("master_bind_errors_fatal: yes");
  const strict = site.start();
  assert.equal(await strict.exit, 69);
  assert.match(strict.output(), /fatal error: unable to bind to two\/ipv4 socket/);
});

test("a missing executable is fatal at the start", async (t) => {
  const site = makeSite(t);
  site.conf(`SERVICES {\n one cmd="/nonexistent/x" listen="${site.file("socket")}"\n}`);
  const master = site.start();
  assert.equal(await master.exit, 78);
  assert.match(master.output(), /fatal error: cannot find executable for service 'one'/);
});

test("a worker of ours serves many connections; prefork=0 starts it with the first", async (t) => {
  const site = makeSite(t);
  writeFileSync(join(site.programs, "cyr_imapd.ts"), workerProgram);
  const path = site.file("socket");
  site.conf(`SERVICES {\n imap cmd="imapd" listen="${path}"\n}`);
  const master = site.start();
  await master.ready();
  assert.deepEqual(processesOf(site), [master.pid]);
  const sessions = await Promise.all(Array.from({ length: 20 }, () => open(path)));
  assert.equal(new Set(sessions.map(({ greeting }) => greeting)).size, 1);
  assert.match(sessions[0]!.greeting, /^imap 1 \d+$/);
  assert.equal(processesOf(site).length, 2);
  const pid = Number(sessions[0]!.greeting.split(" ")[2]);
  process.kill(pid, "SIGKILL");
  await site.logged(/in BUSY state: terminated abnormally/);
  const next = await open(path);
  assert.notEqual(next.greeting, sessions[0]!.greeting);
  next.socket.destroy();
});

test("maxchild caps the sessions of our workers: the rest waits in the queue and is served later", async (t) => {
  const site = makeSite(t);
  writeFileSync(join(site.programs, "cyr_imapd.ts"), workerProgram);
  const path = site.file("socket");
  site.conf(`SERVICES {\n imap cmd="imapd" listen="${path}" maxchild=3 prefork=2\n}`);
  await site.start().ready();
  const greeted: Socket[] = [];
  const clients = Array.from({ length: 5 }, () => {
    const socket = connect(path);
    socket.on("data", () => void greeted.push(socket));
    return socket;
  });
  await until(() => greeted.length === 3, "three greetings");
  // Two are in the queue, none was dropped; whoever leaves makes room.
  assert.ok(clients.every((socket) => !socket.readableEnded));
  for (const socket of greeted.slice()) socket.end("quit\r\n");
  await until(() => greeted.length === 5, "five greetings");
  for (const socket of clients) socket.destroy();
});

test("SIGHUP retires a worker: its session goes on, a new worker takes what comes", async (t) => {
  const site = makeSite(t);
  writeFileSync(join(site.programs, "cyr_imapd.ts"), workerProgram);
  const path = site.file("socket");
  site.conf(`SERVICES {\n imap cmd="imapd" listen="${path}" prefork=1 maxchild=2\n}`);
  const master = site.start();
  await master.ready();
  const old = await open(path);
  master.signal("SIGHUP");
  await site.logged(/Services reconfigured/);
  const young = await open(path);
  assert.notEqual(young.greeting, old.greeting);
  assert.ok(isAlive(Number(old.greeting.split(" ")[2])));
  // The old worker's session counts: of two, one is left for the new worker, and it is taken.
  const waiting = open(path);
  old.socket.end("quit\r\n");
  assert.equal((await waiting).greeting, young.greeting);
  await until(() => !isAlive(Number(old.greeting.split(" ")[2])), "the end of the old worker");
});

test("the worker runtime under master: cap, retirement, a killed worker, goodbye at the end", async (t) => {
  const site = makeSite(t);
  const fixture = resolve(import.meta.dirname, "../../src/server/worker/fixtures/echo-worker.ts");
  writeFileSync(join(site.programs, "cyr_echod.ts"), `import ${JSON.stringify(fixture)};\n`);
  const path = site.file("socket");
  site.conf(`SERVICES {\n echo cmd="echod -C ${site.file("imapd.conf")}" listen="${path}" prefork=1 maxchild=2\n}`);
  const master = site.start();
  await master.ready();
  const [one, two] = [await open(path), await open(path)];
  assert.equal(one.greeting, "hello");
  const workers = (): number[] => processesOf(site).filter((pid) => pid !== master.pid);
  const [first] = workers();
  assert.equal(workers().length, 1); // full is no reason for another one
  const waiting = open(path);
  one.socket.destroy();
  const three = await waiting;
  master.signal("SIGHUP");
  await site.logged(/Services reconfigured/);
  const four = open(path); // both sessions are still the old worker's until they are ended by its retirement
  two.socket.destroy();
  three.socket.destroy();
  await four;
  await until(() => !isAlive(first!), "the end of the old worker");
  const [second] = workers();
  process.kill(second!, "SIGKILL");
  await until(() => !isAlive(second!), "its end");
  const five = await open(path);
  let last = "";
  five.socket.on("data", (piece) => (last += piece.toString("latin1")));
  assert.equal(await master.stop(), 0);
  await until(() => last.includes("bye terminate"), "the goodbye");
  assert.deepEqual(processesOf(site), []);
});

test("a master started right after the sudden death of another gets the ports of its workers", async (t) => {
  const site = makeSite(t);
  writeFileSync(join(site.programs, "cyr_imapd.ts"), workerProgram);
  const port = await freePort();
  site.conf(`SERVICES {\n imap cmd="imapd" listen="127.0.0.1:${port}" prefork=1\n}`);
  site.imapdConf("master_bind_errors_fatal: yes");
  const master = site.start();
  await master.ready();
  const old = await open(port);
  master.signal("SIGKILL");
  await master.exit;
  const next = site.start();
  await next.ready();
  const young = await open(port);
  assert.notEqual(young.greeting, old.greeting);
  for (const { socket } of [old, young]) socket.destroy();
  assert.equal(await next.stop(), 0);
});
