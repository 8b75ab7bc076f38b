import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as native from "./index.ts";
import { libc } from "./libc.ts";

const dir = mkdtempSync(join(tmpdir(), "native-"));
after(() => rmSync(dir, { recursive: true }));
const loopback = { family: "ipv4", address: "127.0.0.1", port: 0 } as const;

function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return error instanceof native.NativeError ? error.code : String(error);
  }
  return "no error";
}

test("a missing symbol is an error of its caller only, and a failed call names itself", async () => {
  const missing = libc("no_such_function_at_all", "int", []);
  assert.throws(() => missing());
  assert.equal(
    codeOf(() => native.closeDescriptor(9_999)),
    "EBADF",
  );
  await assert.rejects(native.syncFilesystemLater(9_999), { code: "EBADF", syscall: "syncfs" });
});

test("addresses survive both ways", () => {
  const addresses = [
    { family: "ipv4", address: "192.0.2.7", port: 143 },
    { family: "ipv6", address: "2001:db8::7", port: 993 },
    { family: "ipv6", address: "::1", port: 1 },
    { family: "ipv6", address: "::", port: 65_535 },
    { family: "ipv6", address: "::ffff:c000:207", port: 2003 },
    { family: "unix", path: "/run/cyrus/socket/lmtp" },
  ] as const;
  for (const address of addresses) {
    assert.deepEqual(native.decodeSocketAddress(native.encodeSocketAddress(address)), address);
  }
  const mapped = native.encodeSocketAddress({ family: "ipv6", address: "::ffff:192.0.2.7", port: 2003 });
  assert.deepEqual(mapped, native.encodeSocketAddress(addresses[4]));
});

test("bad addresses are refused before the kernel sees them", () => {
  assert.equal(openCode({ family: "unix", path: `/${"x".repeat(107)}` }), "ENAMETOOLONG");
  assert.equal(openCode({ family: "unix", path: "/tmp/a\0b" }), "EINVAL");
  assert.equal(openCode({ family: "ipv4", address: "localhost", port: 1 }), "EINVAL");
});

test("a taken port is EADDRINUSE", () => {
  const fd = native.openListener({ type: "stream", address: loopback });
  try {
    const address = native.localAddress(fd);
    assert.equal(
      codeOf(() => native.openListener({ type: "stream", address })),
      "EADDRINUSE",
    );
  } finally {
    native.closeDescriptor(fd);
  }
});

test("a watched listener reports a connection and leaves it in the queue", async () => {
  const watcher = new native.ReadinessWatcher();
  const unixPath = join(dir, "listener");
  for (const address of [loopback, { family: "unix", path: unixPath } as const]) {
    const fd = native.openListener({ type: "stream", address });
    const bound = native.localAddress(fd);
    const { promise, resolve } = Promise.withResolvers<void>();
    watcher.watch(fd, resolve);
    const client = bound.family === "unix" ? connect(bound.path) : connect(bound.port, bound.address);
    await Promise.all([promise, once(client, "connect")]);
    assert.deepEqual(native.readable([fd]), [fd]);
    // Watching what is readable already fires as well.
    await new Promise<void>((resolve) => void watcher.watch(fd, resolve));
    client.destroy();
    native.closeDescriptor(fd);
  }
  watcher.close();
});

test("a cancelled watch stays quiet", async () => {
  const watcher = new native.ReadinessWatcher();
  const [reader, writer] = native.socketPair();
  watcher.watch(reader, () => assert.fail("fired")).cancel();
  native.sendDatagramTo(writer, Buffer.from("x"), undefined);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  for (const fd of [reader, writer]) native.closeDescriptor(fd);
});

test("datagrams go to a path, a full queue and nobody there are told apart", () => {
  const path = join(dir, "datagrams");
  const receiver = native.openListener({ type: "datagram", address: { family: "unix", path } });
  const sender = native.openSocket("unix", "datagram");
  assert.equal(native.receiveDatagram(receiver), undefined);
  let sent = 0;
  while (native.sendDatagram(sender, Buffer.from(`datagram ${sent}`), path)) sent++;
  assert.ok(sent >= 10 && sent < 10_000);
  const first = native.receiveDatagram(receiver, 8);
  assert.deepEqual([first?.octets.toString(), first?.truncated, first?.from], ["datagram", true, undefined]);
  assert.equal(native.receiveDatagram(receiver)?.octets.toString(), "datagram 1");
  native.closeDescriptor(receiver);
  assert.equal(
    codeOf(() => native.sendDatagram(sender, Buffer.from("x"), path)),
    "ECONNREFUSED",
  );
  assert.equal(
    codeOf(() => native.sendDatagram(sender, Buffer.from("x"), join(dir, "none"))),
    "ENOENT",
  );
  native.closeDescriptor(sender);
});

test("locks exclude other open files, not their own", () => {
  const path = join(dir, "lock");
  const [one, two] = [openSync(path, "w+"), openSync(path, "r+")];
  assert.equal(native.recordLockHolder(two), undefined);
  assert.ok(native.tryRecordLock(one, "exclusive") && native.tryRecordLock(one, "exclusive"));
  assert.equal(native.tryRecordLock(two, "shared"), false);
  assert.deepEqual(native.recordLockHolder(two), { pid: -1 });
  native.unlockRecord(one);
  assert.ok(native.tryRecordLock(one, "shared") && native.tryRecordLock(two, "shared"));
  assert.ok(native.tryFlock(one, "exclusive"));
  assert.equal(native.tryFlock(two, "shared"), false);
  native.unlockFlock(one);
  assert.ok(native.tryFlock(two, "shared"));
  for (const fd of [one, two]) closeSync(fd);
});

test("descriptor flags", () => {
  const [one, two] = native.socketPair();
  native.setNonblocking(one, true);
  assert.deepEqual([native.isNonblocking(one), native.isNonblocking(two)], [true, false]);
  const copy = native.duplicate(one, 50);
  assert.ok(copy >= 50 && native.isNonblocking(copy)); // the flag is the open file's, not the descriptor's
  for (const fd of [one, two, copy]) native.closeDescriptor(fd);
});

test("cached octets are read without waiting", async () => {
  const path = join(dir, "cached");
  writeFileSync(path, "0123456789");
  const fd = openSync(path, "r");
  const into = Buffer.alloc(6);
  const count = native.readCached(fd, into, 6);
  // Just written, so in the cache; a filesystem that cannot tell answers undefined.
  if (count !== undefined) assert.deepEqual([count, into.subarray(0, 4).toString()], [4, "6789"]);
  assert.equal(native.readCached(fd, into, 100) ?? 0, 0);
  assert.equal(
    codeOf(() => native.readCached(9_999, into, 0)),
    "EBADF",
  );
  const parts = Buffer.from("..........");
  if (count !== undefined) {
    assert.equal(native.readCached(fd, parts, 2, 3, 4), 4);
    assert.equal(native.readCached(fd, parts, 8, 8), 2);
    assert.equal(parts.toString(), "...2345.89");
  }
  assert.throws(() => native.readCached(fd, parts, 0, 8, 3), RangeError);
  native.adviseFile(fd, "dontneed");
  await native.syncFilesystemLater(fd);
  closeSync(fd);
});

test("a file is opened for reading, or is not there", () => {
  const path = join(dir, "opened");
  assert.equal(native.openIfThere(path), undefined);
  writeFileSync(path, "x");
  const fd = native.openIfThere(path)!;
  assert.equal(readFileSync(fd, "latin1"), "x");
  native.closeDescriptor(fd);
  assert.equal(
    codeOf(() => native.openIfThere(join(path, "below"))),
    "ENOTDIR",
  );
  assert.throws(() => native.openIfThere(`${path}\0x`), RangeError);
});

test("a memory file, and what kind of filesystem a path is on", () => {
  const fd = native.openMemoryFile("test");
  assert.equal(readSync(fd, Buffer.alloc(1)), 0);
  closeSync(fd);
  assert.match(native.filesystemOf(dir).kind, /^(local|memory)$/);
  assert.throws(() => native.filesystemOf(join(dir, "none")), { code: "ENOENT" });
});

test("limits, users and groups", () => {
  const limit = native.getFileLimit();
  assert.ok(limit.soft <= limit.hard);
  native.setFileLimit({ soft: limit.soft - 1, hard: limit.hard });
  assert.equal(native.getFileLimit().soft, limit.soft - 1);
  native.setFileLimit(limit);
  const root = native.findUser("root");
  assert.deepEqual([root?.name, root?.uid, root?.gid], ["root", 0, 0]);
  assert.equal(native.findUserById(0)?.name, "root");
  assert.equal(native.findGroup("root")?.gid, 0);
  assert.equal(native.findUser("no-such-user-here"), undefined);
  assert.equal(native.processGroupOf(), native.processGroupOf(process.pid));
});

test("root becomes a user with one capability, which its children do not get", {
  skip: process.getuid!() !== 0,
}, () => {
  const script = `
    import * as native from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    import { execFileSync } from "node:child_process";
    const user = native.findUser("nobody");
    native.becomeUser(user, user.gid, { keepBind: true });
    const status = execFileSync("/bin/grep", ["-E", "CapEff|CapAmb", "/proc/self/status"], { encoding: "latin1" });
    const fd = native.openListener({ type: "stream", address: { family: "ipv4", address: "127.0.0.1", port: 990 } });
    console.log(JSON.stringify([process.getuid() === user.uid, process.getgroups(), native.mayBindLowPorts(), fd > 2, status]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "latin1" });
  const [user, groups, bind, bound, child] = JSON.parse(output) as [boolean, number[], boolean, boolean, string];
  assert.deepEqual([user, bind, bound], [true, true, true]);
  assert.ok(!groups.includes(0));
  assert.match(child, /CapEff:\s+0+\nCapAmb:\s+0+\n/);
});

function openCode(address: native.SocketAddress): string {
  return codeOf(() => native.openListener({ type: "stream", address }));
}

test("memory that malloc holds is given back, where libc can", async () => {
  assert.equal(typeof (await native.trimMemory()), "boolean");
});
