/**
 * The whole system as an administrator starts it: bin/cyr_master with a configuration in a throw-away directory, IMAP, imaps
 * and LMTP on free loopback ports, users with passwords. Whoever starts one must call `stop()`, also when the test fails.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { splitUser, UserDatabase } from "../../src/server/auth/index.ts";
import { makeCertificate } from "../../src/server/tls/index.ts";
import { shardLines } from "./shards.ts";
import { ImapClient } from "./wire-client.ts";

const root = resolve(import.meta.dirname, "../..");
/** Much longer than anything takes; a test that needs this long has failed. */
const patienceMs = 30_000;
/** What a log line must have for a test to fail: faults of ours, not what clients did. */
const faultPattern = /assertion|TypeError|ReferenceError|RangeError|uncaught|unhandled|\bBUG\b|    at /i;

export interface ServerOptions {
  /** Each gets an INBOX. The administrator `cyrus` is always there. */
  readonly users?: readonly string[];
  /** Further lines of imapd.conf. */
  readonly imapdConf?: string;
  /** `prefork` of imap: at most as many workers as the machine has cores. Default 1. */
  readonly prefork?: number;
}

export interface RunningServer {
  readonly dir: string;
  readonly imapPort: number;
  readonly imapsPort: number;
  /** Pre-authorised. */
  readonly lmtpPort: number;
  readonly lmtpSocket: string;
  /** PEM of the server's self-signed certificate, for `localhost`. */
  readonly certificateFile: string;
  /** Of every user. */
  readonly password: string;
  readonly masterPid: number;
  /** A session that has logged in. */
  login(user: string): Promise<ImapClient>;
  /** The running processes of a program (`cyr_imapd`, `cyr_stored`). */
  pids(program: string): number[];
  log(): string;
  /** Log lines that tell of faults of ours. */
  faults(): string[];
  /** SIGTERM, waits, removes the directory. @throws when master does not end within its time */
  stop(): Promise<void>;
}

export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { users = ["alice"], imapdConf = "", prefork = 1 } = options;
  const dir = mkdtempSync(join(tmpdir(), "pasargad-"));
  for (const name of ["conf", "spool", "run"]) mkdirSync(join(dir, name), { mode: 0o700 });
  const [imapPort, imapsPort, lmtpPort] = (await freePorts(3)) as [number, number, number];
  const certificate = makeCertificate({ commonName: "localhost" });
  const certificateFile = join(dir, "cert.pem");
  writeFileSync(certificateFile, certificate.cert);
  writeFileSync(join(dir, "key.pem"), certificate.key, { mode: 0o600 });
  writeFileSync(
    join(dir, "imapd.conf"),
    `configdirectory: ${dir}/conf
defaultpartition: default
partition-default: ${dir}/spool
admins: cyrus
servername: localhost
allowplaintext: yes
altnamespace: yes
unixhierarchysep: yes
failedloginpause: 0
sasl_sasldb_path: ${dir}/conf/sasldb2
tls_server_cert: ${certificateFile}
tls_server_key: ${dir}/key.pem
lmtpsocket: ${dir}/run/lmtp
${shardLines(imapdConf)}
`,
  );
  const flags = `-C ${dir}/imapd.conf`;
  writeFileSync(
    join(dir, "cyrus.conf"),
    `SERVICES {
  imap      cmd="imapd ${flags}"    listen="127.0.0.1:${imapPort}" prefork=${prefork}
  imaps     cmd="imapd -s ${flags}" listen="127.0.0.1:${imapsPort}" prefork=0
  lmtp      cmd="lmtpd -a ${flags}" listen="127.0.0.1:${lmtpPort}" prefork=1
  lmtpunix  cmd="lmtpd ${flags}"    listen="${dir}/run/lmtp" prefork=0
}
`,
  );
  const password = "secret";
  const database = new UserDatabase(join(dir, "conf/sasldb2"));
  for (const user of [...users, "cyrus"]) database.setPassword(splitUser(user), password);
  database.close();

  const master = spawn(
    join(root, "bin/cyr_master"),
    ["-D", "-C", join(dir, "imapd.conf"), "-M", join(dir, "cyrus.conf"), "-p", join(dir, "run/master.pid")],
    {
      stdio: ["ignore", "pipe", "pipe"],
      // A test run by root stays root, whatever users the machine has.
      env: { ...process.env, PASARGAD_LOG: `file:${join(dir, "log")}`, CYRUS_USER: "root", NODE_OPTIONS: "" },
    },
  );
  let output = "";
  for (const stream of [master.stdout, master.stderr]) stream.on("data", (piece: Buffer) => (output += piece));
  const log = (): string => (existsSync(join(dir, "log")) ? readFileSync(join(dir, "log"), "latin1") : "");
  const stop = async (): Promise<void> => {
    try {
      await endMaster(master);
    } finally {
      killLeftovers(dir);
      if (process.env["KEEP_SERVER_DIR"] === undefined) rmSync(dir, { recursive: true, force: true });
    }
  };
  const server: RunningServer = {
    dir,
    imapPort,
    imapsPort,
    lmtpPort,
    lmtpSocket: join(dir, "run/lmtp"),
    certificateFile,
    password,
    masterPid: master.pid!,
    login: (user) => ImapClient.login(imapPort, user),
    pids: (program) =>
      processesOf(dir)
        .filter(({ command }) => command.includes(`/${program}.ts`))
        .map(({ pid }) => pid),
    log,
    faults: () =>
      log()
        .split("\n")
        .filter((line) => faultPattern.test(line)),
    stop,
  };
  try {
    await waitFor(
      () => {
        if (master.exitCode !== null)
          throw new Error(`cyr_master has ended with ${master.exitCode}\n${output}${log()}`);
        return /ready for work/.test(log());
      },
      "cyr_master to be ready",
      () => output + log(),
    );
    const admin = await ImapClient.login(imapPort, "cyrus");
    for (const user of users) {
      const answer = await admin.command(`CREATE user/${user}`);
      if (!answer.includes("TAG OK")) throw new Error(`CREATE user/${user}: ${answer}`);
    }
    await admin.command("LOGOUT");
    admin.end();
  } catch (error) {
    await stop();
    throw error;
  }
  return server;
}

/** Waits until `condition` holds. @throws when it does not within `patienceMs` */
export async function waitFor(
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

/** Ports nobody listened on a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((done, fail) => server.on("error", fail).listen(0, "127.0.0.1", done));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    ports.push(address.port);
  }
  for (const server of servers) await new Promise((done) => server.close(done));
  return ports;
}

/** Resident memory of a process now, and the most it ever had; octets. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
  return { now: kib("VmRSS") * 1024, peak: kib("VmHWM") * 1024 };
}

async function endMaster(master: ChildProcess): Promise<void> {
  if (master.exitCode !== null || master.signalCode !== null) return;
  const ended = new Promise<boolean>((done) => master.once("exit", () => done(true)));
  master.kill("SIGTERM");
  const inTime = await Promise.race([ended, delay(20_000, false, { ref: false })]);
  if (inTime) return;
  master.kill("SIGKILL");
  throw new Error("cyr_master did not end within 20 s of SIGTERM");
}

/** The directory's name is in every command line of ours, and in no other. */
function processesOf(dir: string): { readonly pid: number; readonly command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "latin1").replaceAll("\0", " ");
      if (command.includes(`${dir}/`) && command.includes("/src/programs/")) found.push({ pid: Number(name), command });
    } catch {
      continue; // it has ended meanwhile
    }
  }
  return found;
}

function killLeftovers(dir: string): void {
  for (const { pid } of processesOf(dir)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      continue; // it has ended meanwhile
    }
  }
}
