/** Starts real masters in throw-away directories, with tiny services. Every wait is for a condition, never for a time. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

const source = resolve(import.meta.dirname, "../../src");
/** Much longer than anything takes; a test that needs this long has failed. */
const patienceMs = 15_000;

export interface Site {
  readonly dir: string;
  /** Where this master looks for our programs: only what the test puts there. */
  readonly programs: string;
  readonly pidFile: string;
  file(name: string): string;
  /** Writes an executable and gives its path. */
  script(name: string, text: string): string;
  conf(text: string): void;
  imapdConf(text: string): void;
  start(...args: string[]): MasterProcess;
  log(): string;
  /** Waits for a line of the log. */
  logged(pattern: RegExp): Promise<void>;
}

export interface MasterProcess {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly exit: Promise<number>;
  output(): string;
  ready(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, and its exit status. */
  stop(): Promise<number>;
}

export function makeSite(t: TestContext): Site {
  const dir = mkdtempSync(join(tmpdir(), "master-"));
  const programs = join(dir, "programs");
  mkdirSync(programs);
  const started: MasterProcess[] = [];
  const file = (name: string): string => join(dir, name);
  const site: Site = {
    dir,
    programs,
    pidFile: file("pid"),
    file,
    script(name, text) {
      writeFileSync(file(name), text);
      chmodSync(file(name), 0o755);
      return file(name);
    },
    conf: (text) => writeFileSync(file("cyrus.conf"), text),
    imapdConf: (text) => appendFileSync(file("imapd.conf"), `${text}\n`),
    start(...args) {
      const master = startMaster(site, args);
      started.push(master);
      return master;
    },
    log: () => (existsSync(file("log")) ? readFileSync(file("log"), "latin1") : ""),
    logged: (pattern) => until(() => pattern.test(site.log()), `log line ${pattern}`, site.log),
  };
  writeFileSync(file("imapd.conf"), `configdirectory: ${dir}\npartition-default: ${dir}/spool\n`);
  // A master whose programs are those of this directory, and which loses patience sooner than the real one.
  writeFileSync(
    join(programs, "cyr_master.ts"),
    `import { runMaster } from ${JSON.stringify(join(source, "server/master/run-master.ts"))};
     await runMaster(process.argv.slice(2), import.meta.filename, { serviceMs: 700, waitDaemonMs: 700, writerMs: 700 });\n`,
  );
  t.after(async () => {
    for (const master of started) {
      if (master.process.exitCode !== null || master.process.signalCode !== null) continue;
      master.signal("SIGTERM");
      await Promise.race([master.exit, delay(5_000, undefined, { ref: false })]);
      master.signal("SIGKILL");
    }
    rmSync(dir, { recursive: true });
  });
  return site;
}

export function testEnvironment(site: Site): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PASARGAD_LOG: `file:${site.file("log")}`,
    CYRUS_USER: "root", // a test run by root stays root, whatever users the machine has
    NODE_COMPILE_CACHE: resolve(import.meta.dirname, "../../.cache/compile"),
    NODE_OPTIONS: "",
  };
}

function startMaster(site: Site, args: readonly string[]): MasterProcess {
  const config = ["-C", site.file("imapd.conf"), "-M", site.file("cyrus.conf"), "-p", site.pidFile];
  const argv = ["--disable-warning=ExperimentalWarning", join(site.programs, "cyr_master.ts"), ...config, ...args];
  const child = spawn(process.execPath, argv, { env: testEnvironment(site), stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => (output += piece.toString()));
  const exit = new Promise<number>((done) => child.on("exit", (code, signal) => done(code ?? (signal ? -1 : -2))));
  const before = site.log().length;
  const master: MasterProcess = {
    process: child,
    pid: child.pid!,
    exit,
    output: () => output,
    ready: () =>
      until(
        () => /ready for work/.test(site.log().slice(before)),
        "ready for work",
        () => output + site.log(),
      ),
    signal: (signal) => void child.kill(signal),
    stop: () => {
      child.kill("SIGTERM");
      return exit;
    },
  };
  return master;
}

/** Waits until `condition` holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  details: () => string = () => "",
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}\n${details()}`);
    await delay(10);
  }
}

/** All that a server says until it closes the connection. */
export function ask(where: number | string, host = "127.0.0.1"): Promise<string> {
  return new Promise((done, fail) => {
    const socket = typeof where === "number" ? connect(where, host) : connect(where);
    let text = "";
    socket.on("data", (piece) => (text += piece.toString("latin1")));
    socket.on("end", () => done(text));
    socket.on("error", fail);
  });
}

/** A port nobody listened on a moment ago. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.on("error", fail).listen(0, host, done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // A zombie whose parent has not looked yet is dead all the same.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

/** The running processes whose command line or environment names the directory of the site, without this one. */
export function processesOf(site: Site): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (pid === process.pid || !isAlive(pid)) return false;
    return ["cmdline", "environ"].some((name) => {
      try {
        return readFileSync(`/proc/${pid}/${name}`, "latin1").includes(site.dir);
      } catch {
        return false; // it has ended meanwhile
      }
    });
  });
}

/**
 * A foreign service in the manner of Cyrus's: blocking accept on 4, records on 3. Answers `NAME ID PID`. A file `hold`
 * beside it makes it keep its connection until the file is gone.
 */
export const foreignService = `#!/usr/bin/perl
use Socket;
open(my $listener, "+<&=4") or die "no descriptor 4: $!";
open(my $master, ">&=3") or die "no descriptor 3: $!";
sub tell_master { syswrite $master, pack("ll", $_[0], $$) }
my ($dir) = $0 =~ m{(.*)/};
while (accept(my $client, $listener)) {
  tell_master(2); tell_master(3);
  syswrite $client, "$ENV{CYRUS_SERVICE} $ENV{CYRUS_ID} $$\\n";
  select(undef, undef, undef, 0.01) while -e "$dir/hold";
  close $client;
  tell_master(1);
}
die "accept: $!";
`;

/** A worker of ours in little: serves many, says so, obeys shares, retires on SIGHUP. Echoes nothing, ends on "quit". */
export const workerProgram = `
import { createServer, Socket } from "node:net";
import { duplicate } from ${JSON.stringify(join(source, "base/native/index.ts"))};
const master = new Socket({ fd: 3, readable: true, writable: true });
const record = (code, value = process.pid) => {
  const octets = Buffer.alloc(8);
  octets.writeInt32LE(code, 0);
  octets.writeInt32LE(value, 4);
  return octets;
};
let share = process.env.PASARGAD_MAXCHILD_SHARE === "" ? Infinity : Number(process.env.PASARGAD_MAXCHILD_SHARE);
let server, retiring = false;
const sessions = new Set();
const adjust = () => {
  const full = sessions.size >= share || retiring;
  if (full && server) { server.close(); server = undefined; master.write(Buffer.concat([record(2), record(16, sessions.size)])); }
  else if (!full && !server) {
    server = createServer(accept);
    server.listen({ fd: duplicate(4), backlog: 50 });
    master.write(Buffer.concat([record(1), record(16, sessions.size)]));
  } else master.write(record(16, sessions.size));
  if (retiring && sessions.size === 0) process.exit(0);
};
const accept = (socket) => {
  sessions.add(socket);
  master.write(record(4));
  socket.write(process.env.CYRUS_SERVICE + " " + process.env.PASARGAD_WORKER + " " + process.pid + "\\n");
  socket.on("data", (text) => String(text).startsWith("quit") && socket.end());
  socket.on("error", () => {});
  socket.on("close", () => { sessions.delete(socket); adjust(); });
  adjust();
};
master.on("data", (octets) => {
  for (let at = 0; at + 8 <= octets.length; at += 8) {
    if (octets.readInt32LE(at) !== 17) continue;
    const value = octets.readInt32LE(at + 4);
    share = value < 0 ? Infinity : value;
  }
  adjust();
});
master.on("end", () => process.exit(0));
process.on("SIGHUP", () => { retiring = true; adjust(); });
process.on("SIGTERM", () => process.exit(75));
adjust();
`;
