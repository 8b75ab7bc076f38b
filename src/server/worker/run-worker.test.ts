import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { closeDescriptor, localAddress, openListener, socketPair } from "../../base/native/index.ts";
import { statusCodes } from "./status-channel.ts";

const program = join(import.meta.dirname, "fixtures", "echo-worker.ts");
const directory = mkdtempSync(join(tmpdir(), "worker-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const conf = join(directory, "imapd.conf");
// A machine may have a user "cyrus", who must not read what is this one's.
writeFileSync(
  conf,
  `configdirectory: ${directory}\nservername: mail.example.org\ncyrus_user: ${userInfo().username}\n`,
);

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  /** What the worker told master: pairs of code and second field. */
  readonly records: [number, number][];
  readonly master: Socket;
  readonly exited: Promise<unknown[]>;
}

/** Does what master does: bound socket as fd 4, socket pair as fd 3. */
function spawnWorker(env: Record<string, string> = {}, args: string[] = []): Running {
  const fd = openListener({ type: "stream", address: { family: "ipv4", address: "127.0.0.1", port: 0 } });
  const address = localAddress(fd);
  const [ours, theirs] = socketPair();
  const child = spawn(process.execPath, [program, "-C", conf, ...args], {
    stdio: ["ignore", "ignore", "inherit", theirs, fd],
    env: {
      ...process.env,
      CYRUS_SERVICE: "echo",
      CYRUS_ID: "0",
      PASARGAD_WORKER: "1",
      PASARGAD_LOG: "file:/dev/null",
      ...env,
    },
  });
  closeDescriptor(theirs);
  closeDescriptor(fd);
  const records: [number, number][] = [];
  const master = new Socket({ fd: ours, readable: true, writable: true });
  master.on("data", (octets: Buffer) => {
    for (let at = 0; at < octets.length; at += 8) records.push([octets.readInt32LE(at), octets.readInt32LE(at + 4)]);
    master.emit("record");
  });
  master.on("error", () => {});
  const exited = once(child, "exit");
  after(() => {
    child.kill("SIGKILL");
    master.destroy();
  });
  return { child, port: address.family === "unix" ? 0 : address.port, records, master, exited };
}

async function told(running: Running, code: number, second?: number): Promise<void> {
  const has = (): boolean => running.records.some(([c, s]) => c === code && (second === undefined || s === second));
  while (!has()) await once(running.master, "record");
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  for await (const octets of socket) text += String(octets);
  return text;
}

test("under master: reports, serves, says goodbye on SIGTERM and exits 75", async () => {
  const running = spawnWorker();
  await told(running, statusCodes.available);
  const client = connect(running.port, "127.0.0.1");
  await once(client, "data");
  await told(running, statusCodes.sessions, 1);
  running.child.kill("SIGTERM");
  assert.equal(await readAll(client), "bye terminate\r\n");
  assert.deepEqual(await running.exited, [75, null]);
});

test("share 1, raised by master; SIGHUP retires and exits 0", async () => {
  const running = spawnWorker({ PASARGAD_MAXCHILD_SHARE: "1" }, ["-U", "30"]);
  await told(running, statusCodes.available);
  const first = connect(running.port, "127.0.0.1");
  await once(first, "data");
  const second = connect(running.port, "127.0.0.1");
  await once(second, "connect");
  await told(running, statusCodes.unavailable);
  const record = Buffer.alloc(8);
  record.writeInt32LE(statusCodes.share, 0);
  record.writeInt32LE(2, 4);
  running.master.write(record);
  await once(second, "data");
  running.child.kill("SIGHUP");
  first.resume();
  first.on("end", () => first.destroy());
  assert.match(await readAll(second), /bye retire/);
  assert.deepEqual(await running.exited, [0, null]);
});

test("a crash in a timer ends its session, not the process; one session can be ended from outside", async () => {
  const running = spawnWorker();
  await told(running, statusCodes.available);
  const [victim, bystander] = [connect(running.port, "127.0.0.1"), connect(running.port, "127.0.0.1")];
  await Promise.all([once(victim, "data"), once(bystander, "data")]);
  victim.write("crash\r\n");
  assert.equal(await readAll(victim), "");
  bystander.write("still here\r\n");
  assert.equal(String((await once(bystander, "data"))[0]), "still here\r\n");
  const procs = join(directory, "proc");
  mkdirSync(procs, { recursive: true });
  // One of the two, whichever was accepted last; the other is gone.
  for (const number of [1, 2]) writeFileSync(join(procs, `${running.child.pid}.${number}.end`), "");
  running.child.kill("SIGUSR2");
  assert.equal(await readAll(bystander), "bye ended\r\n");
  running.child.kill("SIGTERM");
  assert.deepEqual(await running.exited, [75, null]);
});

test("started by systemd: the socket is descriptor 3", async () => {
  const fd = openListener({ type: "stream", address: { family: "ipv4", address: "127.0.0.1", port: 0 } });
  const address = localAddress(fd);
  const script = 'LISTEN_PID=$$ exec "$@"';
  const child = spawn("/bin/sh", ["-c", script, "sh", process.execPath, program, "-C", conf], {
    stdio: ["ignore", "ignore", "inherit", fd],
    env: { ...process.env, CYRUS_SERVICE: "echo", LISTEN_FDS: "1", PASARGAD_LOG: "file:/dev/null" },
  });
  closeDescriptor(fd);
  after(() => child.kill("SIGKILL"));
  const client = connect(address.family === "unix" ? 0 : address.port, "127.0.0.1");
  await once(client, "data");
  child.kill("SIGTERM");
  assert.equal(await readAll(client), "bye terminate\r\n");
});

test("without CYRUS_SERVICE: 70; with -U30: 64; without configuration: 78", async () => {
  const run = async (args: string[], env: Record<string, string | undefined>): Promise<unknown> => {
    const child = spawn(process.execPath, [program, ...args], { stdio: "ignore", env: { ...process.env, ...env } });
    return (await once(child, "exit"))[0];
  };
  const codes = await Promise.all([
    run(["-C", conf], { CYRUS_SERVICE: undefined }),
    run(["-C", conf, "-U30"], { CYRUS_SERVICE: "echo" }),
    run(["-C", join(directory, "none")], { CYRUS_SERVICE: "echo", PASARGAD_LOG: "file:/dev/null" }),
  ]);
  assert.deepEqual(codes, [70, 64, 78]);
});

test("-X: one session on stdin and stdout", async () => {
  const child = spawn(process.execPath, [program, "-C", conf, "-X"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PASARGAD_LOG: "file:/dev/null" },
  });
  let text = "";
  child.stdout.on("data", (octets) => (text += String(octets)));
  child.stdin.end("abc\r\n");
  const [code] = await once(child, "close");
  assert.equal(text, "hello\r\nabc\r\n");
  assert.equal(code, 0);
});
