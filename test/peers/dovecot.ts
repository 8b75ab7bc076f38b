/**
 * Starts a real Dovecot 2.3 in a directory of its own, for interop tests and the benchmark.
 *
 * Nothing is installed: the programs come from `.cache/peers/dovecot` (see fetch-dovecot.sh). Dovecot has its paths
 * compiled in, so it runs in a mount namespace of its own in which `/usr` is the system's with the unpacked tree laid
 * over it. That needs root. Every user exists, with one password.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { chownSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** "stock": Maildir, and processes as Debian's package has them. "tuned": sdbox, login and mail processes that are
 * used again and hold up to twenty sessions, and sessions in IDLE that are moved out of them after two seconds. */
export type DovecotSetup = "stock" | "tuned";

export interface DovecotOptions {
  readonly setup: DovecotSetup;
  /** Keeps mail here, also after stop(). Default: a directory that stop() removes. */
  readonly dir?: string;
  /** Starts the first process; the benchmark puts it into an account of CPU time. Default: node's own. */
  readonly spawn?: (file: string, args: readonly string[], options: SpawnOptions) => ChildProcess;
}

export interface RunningDovecot {
  readonly imapPort: number;
  readonly lmtpPort: number;
  /** `mail/USER` holds a user's mail, `log` what Dovecot has to say. */
  readonly dir: string;
  readonly version: string;
  readonly password: string;
  /** The master's process. */
  readonly pid: number;
  /** The master and all that descend from it. */
  pids(): number[];
  /** Ends everything that was started. */
  stop(): Promise<void>;
}

const repository = resolve(import.meta.dirname, "../..");
const password = "secret";
const startTimeoutMs = 20_000;
const stopTimeoutMs = 5_000;
/** Mail belongs to this account of every Debian; logins run as another. */
const mailUser = "mail";
const loginUser = "nobody";

/** The unpacked tree, or undefined with the reason why there is no Dovecot to start here. */
export function findDovecot(): { root: string } | { missing: string } {
  const root = process.env["PASARGAD_DOVECOT_ROOT"] ?? join(repository, ".cache/peers/dovecot");
  if (!existsSync(join(root, "usr/sbin/dovecot"))) return { missing: "run test/peers/fetch-dovecot.sh" };
  if (process.getuid?.() !== 0) return { missing: "Dovecot needs root here, for its mount namespace" };
  return { root };
}

/**
 * Starts Dovecot and waits until IMAP and LMTP answer.
 * @returns undefined when there is none on this machine
 * @throws when it is there but does not come up, with its log; and in CI also when it is missing
 */
export async function startDovecot(options: DovecotOptions): Promise<RunningDovecot | undefined> {
  const found = findDovecot();
  if ("missing" in found) {
    if (process.env["CI"]) throw new Error(found.missing);
    return undefined;
  }
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "dovecot-peer-"));
  for (const name of ["run", "state", "mail"]) mkdirSync(join(dir, name), { recursive: true });
  const { uid, gid } = accountOf(mailUser);
  // mkdtemp makes it 0700; the mail account must reach its folder.
  spawnSync("chmod", ["755", dir]);
  chownSync(join(dir, "mail"), uid, gid);
  const ports = await freePorts();
  writeFileSync(join(dir, "dovecot.conf"), dovecotConf(dir, ports, options.setup));
  const log = openSync(join(dir, "log"), "a");
  const overlay = `mount -t overlay overlay -o "lowerdir=$0/usr:/usr" /usr && exec /usr/sbin/dovecot -F -c "$1"`;
  const start = options.spawn ?? spawn;
  const args = ["-m", "/bin/sh", "-c", overlay, found.root, join(dir, "dovecot.conf")];
  const master = start("unshare", args, { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  const pid = master.pid ?? 0;
  const stop = async (): Promise<void> => {
    await endTree(master);
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  };
  try {
    await untilGreets(ports.imap, "* OK", master);
    await untilGreets(ports.lmtp, "220 ", master);
  } catch (error) {
    const output = readFileSync(join(dir, "log"), "utf8").slice(-4_000);
    await stop();
    throw new Error(`Dovecot did not start: ${String(error)}\n${output}`, { cause: error });
  }
  const version = versionOf(found.root);
  return {
    imapPort: ports.imap,
    lmtpPort: ports.lmtp,
    dir,
    version,
    password,
    pid,
    pids: () => descendants(pid),
    stop,
  };
}

function versionOf(root: string): string {
  const env = { ...process.env, LD_LIBRARY_PATH: join(root, "usr/lib/dovecot") };
  const { stdout } = spawnSync(join(root, "usr/sbin/dovecot"), ["--version"], { env, encoding: "utf8" });
  return stdout.split(" ", 1)[0]?.trim() ?? "unknown";
}

function accountOf(name: string): { uid: number; gid: number } {
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [user, , uid, gid] = line.split(":");
    if (user === name) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`no account ${name}`);
}

function dovecotConf(dir: string, ports: { imap: number; lmtp: number }, setup: DovecotSetup): string {
  const tuned = setup === "tuned";
  const location = tuned ? `sdbox:${dir}/mail/%u` : `maildir:${dir}/mail/%u`;
  return `
base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = ${mailUser}
default_internal_group = ${mailUser}
default_login_user = ${loginUser}
first_valid_uid = 1
mail_location = ${location}
mail_max_userip_connections = 0
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${mailUser} gid=${mailUser} home=${dir}/mail/%u
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = 0
  }
  ${tuned ? "service_count = 0\n  process_min_avail = 2\n  client_limit = 4000" : ""}
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${ports.lmtp}
  }
}
service imap {
  process_limit = 4096
  ${tuned ? "service_count = 10000\n  process_min_avail = 4\n  client_limit = 20\n  idle_kill = 4s" : ""}
  unix_listener imap-master {
    user = ${mailUser}
  }
}
service imap-hibernate {
  client_limit = 8000
  unix_listener imap-hibernate {
    mode = 0660
    user = ${mailUser}
    group = ${mailUser}
  }
}
service anvil {
  client_limit = 9000
}
service auth {
  client_limit = 9000
}
service stats {
  client_limit = 9000
}
service log {
  client_limit = 9000
}
${tuned ? "imap_hibernate_timeout = 2s" : ""}
`;
}

/** Two ports that were free a moment ago. */
async function freePorts(): Promise<{ imap: number; lmtp: number }> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((done, fail) => {
      server.on("error", fail);
      server.listen(0, "127.0.0.1", done);
    });
    const address = server.address();
    ports.push(typeof address === "object" && address ? address.port : 0);
  }
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return { imap: ports[0] ?? 0, lmtp: ports[1] ?? 0 };
}

async function untilGreets(port: number, greeting: string, master: ChildProcess): Promise<void> {
  const until = Date.now() + startTimeoutMs;
  for (;;) {
    if (master.exitCode !== null || master.signalCode !== null) throw new Error("the master ended");
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

/** `root` and its descendants. Dovecot's processes stay children of its master. */
function descendants(root: number): number[] {
  const found = [root];
  for (let i = 0; i < found.length; i++) {
    const path = `/proc/${found[i]}/task/${found[i]}/children`;
    if (!existsSync(path)) continue;
    found.push(...readFileSync(path, "utf8").trim().split(" ").filter(Boolean).map(Number));
  }
  return existsSync(`/proc/${root}`) ? found : [];
}

/** SIGTERM for the master, which ends its children; SIGKILL for those that are left after a while. */
async function endTree(master: ChildProcess): Promise<void> {
  const { pid } = master;
  if (pid === undefined) return;
  const all = descendants(pid);
  const alive = (): number[] => all.filter((each) => existsSync(`/proc/${each}`) && !isZombie(each));
  master.kill("SIGTERM");
  const until = Date.now() + stopTimeoutMs;
  while (alive().length > 0 && Date.now() < until) await sleep(20);
  for (const each of alive()) {
    try {
      process.kill(each, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return true;
    throw error;
  }
}
