/**
 * Starts a real Cyrus IMAP in a throw-away directory, for interop tests and the benchmark.
 *
 * Nothing is installed: the programs come from `.cache/peers/cyrus` (see fetch-cyrus.sh) or from an installed Debian
 * package. Passwords are checked by a saslauthd of our own, which lives in the calling process.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface CyrusOptions {
  /** Further lines of imapd.conf; they come last, and the last one of a name wins here. */
  readonly imapdConf?: readonly string[];
  /** Further entries of the SERVICES section of cyrus.conf. `@BIN@` stands for the folder of the programs,
   * `@DIR@` for the throw-away directory. Every command needs
   * `-C @DIR@/imapd.conf`; master does not pass its own on. */
  readonly services?: readonly string[];
  /** Further entries of START, EVENTS and DAEMON, each `SECTION entry`; `@BIN@` and `@DIR@` as above. */
  readonly sections?: readonly string[];
  /** Where to make the throw-away directory; a real filesystem for the benchmark. Default: the system's temp folder. */
  readonly parent?: string;
  /** Processes kept ready per service. Default 1. */
  readonly prefork?: number;
}

/** Where the programs are, and the environment that they need. */
export interface CyrusInstallation {
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
}

export interface RunningCyrus {
  readonly imapPort: number;
  /** LMTP over TCP, pre-authorised. */
  readonly lmtpPort: number;
  /** LMTP over a Unix socket, pre-authorised. */
  readonly lmtpSocket: string;
  /** The throw-away directory: `conf/` is configdirectory, `spool/` the partition, `imapd.conf`, `cyrus.conf`. */
  readonly dir: string;
  readonly installation: CyrusInstallation;
  readonly adminUser: string;
  /** The password of every user, whatever the name. */
  readonly password: string;
  /** The master's process; its children are in its process group. */
  readonly pid: number;
  /** Runs one of Cyrus's own programs (`reconstruct`, `quota`, ...) with this configuration and as the right user. */
  run(program: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string };
  /** Ends everything that was started, and removes the directory. */
  stop(): Promise<void>;
}

const repository = resolve(import.meta.dirname, "../..");
const debianBin = "usr/lib/cyrus/bin";
const password = "secret";
const startTimeoutMs = 20_000;
const stopTimeoutMs = 5_000;

/** The Cyrus that can be started here, or undefined. */
export function findCyrus(): CyrusInstallation | undefined {
  for (const root of [process.env["PASARGAD_CYRUS_ROOT"], join(repository, ".cache/peers/cyrus"), "/"]) {
    if (root === undefined || !existsSync(join(root, debianBin, "master"))) continue;
    const bin = join(root, debianBin);
    const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
    const libraries = [join(root, "usr/lib", triplet), join(root, "lib", triplet)].join(":");
    const env = root === "/" ? { ...process.env } : { ...process.env, LD_LIBRARY_PATH: libraries };
    const info = spawnSync(join(bin, "master"), ["-V"], { env, encoding: "utf8" });
    if (info.status !== 0) continue;
    const version = info.stdout.trim();
    return { bin, env, version };
  }
  return undefined;
}

/**
 * Starts Cyrus and waits until IMAP and LMTP answer.
 * @returns undefined when there is no Cyrus on this machine
 * @throws when Cyrus is there but does not come up, with its output; and in CI also when it is missing
 */
export async function ensureCyrus(options: CyrusOptions = {}): Promise<RunningCyrus | undefined> {
  const installation = findCyrus();
  if (!installation) {
    if (process.env["CI"]) throw new Error("no Cyrus to compare with: run test/peers/fetch-cyrus.sh");
    return undefined;
  }
  const account = cyrusAccount();
  const dir = mkdtempSync(join(options.parent ?? tmpdir(), "cyrus-peer-"));
  for (const name of ["conf", "conf/socket", "conf/lock", "conf/proc", "conf/db", "spool", "sieve"]) {
    mkdirSync(join(dir, name));
    chownSync(join(dir, name), account.uid, account.gid);
  }
  chownSync(dir, account.uid, account.gid);
  const saslauthd = await startSaslauthd(join(dir, "mux"));
  const [imapPort, lmtpPort] = await freePorts(2);
  const lmtpSocket = join(dir, "conf/socket/lmtp");
  writeFileSync(join(dir, "imapd.conf"), imapdConf(dir, account.name, options));
  writeFileSync(join(dir, "cyrus.conf"), cyrusConf(installation.bin, dir, { imapPort, lmtpPort }, options));
  const log = openSync(join(dir, "master.log"), "a");
  const args = ["-C", join(dir, "imapd.conf"), "-M", join(dir, "cyrus.conf"), "-p", join(dir, "master.pid")];
  const master = spawn(join(installation.bin, "master"), args, {
    env: { ...installation.env, CYRUS_USER: account.name },
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  const stop = async (): Promise<void> => {
    await endGroup(master);
    await new Promise((done) => saslauthd.close(done));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await untilGreets(imapPort, "* OK", master);
    await untilGreets(lmtpPort, "220 ", master);
  } catch (error) {
    const output = readFileSync(join(dir, "master.log"), "utf8");
    await stop();
    throw new Error(`Cyrus did not start: ${String(error)}\n${output}`, { cause: error });
  }
  const run = (program: string, programArgs: readonly string[]): ReturnType<RunningCyrus["run"]> => {
    const { status, stdout, stderr } = spawnSync(
      join(installation.bin, program),
      ["-C", join(dir, "imapd.conf"), ...programArgs],
      { env: { ...installation.env, CYRUS_USER: account.name }, encoding: "utf8" },
    );
    return { status, stdout, stderr };
  };
  const pid = master.pid ?? 0;
  return { imapPort, lmtpPort, lmtpSocket, dir, installation, adminUser: "cyrus", password, pid, run, stop };
}

/** Cyrus refuses to work as root; started by root it becomes this user. */
function cyrusAccount(): { name: string; uid: number; gid: number } {
  const me = userInfo();
  if (me.uid !== 0) return { name: me.username, uid: me.uid, gid: me.gid };
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "nobody") return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("no user to run Cyrus as");
}

function imapdConf(dir: string, user: string, options: CyrusOptions): string {
  const lines = [
    `configdirectory: ${dir}/conf`,
    "defaultpartition: default",
    `partition-default: ${dir}/spool`,
    `sievedir: ${dir}/sieve`,
    `mboxname_lockpath: ${dir}/conf/lock`,
    `proc_path: ${dir}/conf/proc`,
    `lmtpsocket: ${dir}/conf/socket/lmtp`,
    `idlesocket: ${dir}/conf/socket/idle`,
    `notifysocket: ${dir}/conf/socket/notify`,
    `cyrus_user: ${user}`,
    "servername: mail.example.com",
    "admins: cyrus",
    "allowplaintext: yes",
    "sasl_pwcheck_method: saslauthd",
    `sasl_saslauthd_path: ${dir}/mux`,
    "sasl_mech_list: PLAIN LOGIN",
    "unixhierarchysep: yes",
    "altnamespace: no",
    "hashimapspool: yes",
    "umask: 077",
  ];
  // Cyrus takes an option twice as an error, so a further line replaces ours.
  const further = options.imapdConf ?? [];
  const names = new Set(further.map((line) => line.split(":", 1)[0]?.trim()));
  return [...lines.filter((line) => !names.has(line.split(":", 1)[0])), ...further, ""].join("\n");
}

function cyrusConf(
  bin: string,
  dir: string,
  at: { imapPort: number; lmtpPort: number },
  options: CyrusOptions,
): string {
  const prefork = options.prefork ?? 1;
  const sections = new Map<string, string[]>([
    ["START", [`recover cmd="${bin}/ctl_cyrusdb -C ${dir}/imapd.conf -r"`]],
    [
      "SERVICES",
      [
        `imap cmd="${bin}/imapd -C ${dir}/imapd.conf" listen="127.0.0.1:${at.imapPort}" prefork=${prefork}`,
        `lmtp cmd="${bin}/lmtpd -C ${dir}/imapd.conf -a" listen="127.0.0.1:${at.lmtpPort}" prefork=${prefork}`,
        `lmtpunix cmd="${bin}/lmtpd -C ${dir}/imapd.conf" listen="${dir}/conf/socket/lmtp" prefork=0`,
        ...(options.services ?? []),
      ],
    ],
    ["EVENTS", []],
    ["DAEMON", []],
  ]);
  for (const line of options.sections ?? []) {
    const [section = "", ...entry] = line.split(" ");
    sections.get(section)?.push(entry.join(" "));
  }
  const text = [...sections].map(([name, entries]) => `${name} {\n${entries.map((e) => `  ${e}\n`).join("")}}\n`);
  return text.join("").replaceAll("@BIN@", bin).replaceAll("@DIR@", dir);
}

/** Answers saslauthd's protocol: four counted strings in, one out. Any name is good, with the one password. */
function startSaslauthd(path: string): Promise<Server> {
  const server = createServer((socket) => {
    let input: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      input = Buffer.concat([input, chunk]);
      const strings: string[] = [];
      let at = 0;
      while (strings.length < 4 && at + 2 <= input.length) {
        const end = at + 2 + input.readUInt16BE(at);
        if (end > input.length) return;
        strings.push(input.toString("utf8", at + 2, end));
        at = end;
      }
      if (strings.length < 4) return;
      const answer = strings[1] === password ? "OK" : "NO";
      socket.end(Buffer.concat([Buffer.from([0, answer.length]), Buffer.from(answer)]));
    });
  });
  return new Promise((done, fail) => {
    server.on("error", fail);
    server.listen(path, () => {
      chmodSync(path, 0o777);
      server.unref();
      done(server);
    });
  });
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: 2): Promise<[number, number]>;
async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    servers.push(server);
    ports.push(
      await new Promise((done, fail) => {
        server.on("error", fail);
        server.listen(0, "127.0.0.1", () => {
          const address = server.address();
          done(typeof address === "object" && address ? address.port : 0);
        });
      }),
    );
  }
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function untilGreets(port: number, greeting: string, master: ChildProcess): Promise<void> {
  const until = Date.now() + startTimeoutMs;
  for (;;) {
    if (master.exitCode !== null || master.signalCode !== null) throw new Error("master ended");
    if (await greets(port, greeting)) return;
    if (Date.now() > until) throw new Error(`no "${greeting}" on port ${port} after ${startTimeoutMs} ms`);
    await sleep(50);
  }
}

function greets(port: number, greeting: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(2_000, () => socket.destroy());
    socket.once("data", (data) => {
      done(data.toString("latin1").startsWith(greeting));
      socket.destroy();
    });
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
  });
}

/** SIGTERM for master and its children, SIGKILL for the group when that takes too long. */
async function endGroup(master: ChildProcess): Promise<void> {
  const { pid } = master;
  if (pid === undefined) return;
  const ended = new Promise<void>((done) => {
    if (master.exitCode !== null || master.signalCode !== null) done();
    else master.once("exit", () => done());
  });
  master.kill("SIGTERM");
  await Promise.race([ended, sleep(stopTimeoutMs, undefined, { ref: false })]);
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: the whole group has ended, as it should.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
