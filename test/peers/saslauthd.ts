/**
 * Starts a real saslauthd (mechanism sasldb) in the foreground, in a throw-away directory. Nothing is installed: the programs come
 * from `.cache/peers/saslauthd` (see fetch-saslauthd.sh) or from an installed package. Its database is /etc/sasldb2 whatever one says,
 * so it runs in a mount namespace of its own, where /etc is another: that needs root, or user namespaces.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, openSync, closeSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface SaslauthdUser {
  readonly name: string;
  /** "": the host's name, which saslauthd takes when it is told no realm. */
  readonly realm: string;
  readonly password: string;
}

export interface RunningSaslauthd {
  /** For `sasl_saslauthd_path`. */
  readonly socketPath: string;
  readonly version: string;
  /** What it said, a line for each request. */
  log(): string;
  setPassword(user: SaslauthdUser): void;
  /** Ends it; the directory stays until `remove`. */
  stop(): Promise<void>;
  remove(): void;
}

const repository = resolve(import.meta.dirname, "../..");
const patienceMs = 10_000;
/** What programs look up in /etc on the way. */
const neededFiles = ["passwd", "group", "nsswitch.conf", "hosts", "ld.so.cache"];

interface Installation {
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
}

function find(): Installation | undefined {
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  for (const root of [join(repository, ".cache/peers/saslauthd"), "/"]) {
    const bin = join(root, "usr/sbin");
    if (!existsSync(join(bin, "saslauthd"))) continue;
    const libraries = join(root, "usr/lib", triplet);
    const own = { LD_LIBRARY_PATH: libraries, SASL_PATH: join(libraries, "sasl2") };
    return { bin, env: { ...process.env, ...(root !== "/" && own) } };
  }
  return undefined;
}

/**
 * @returns why there is none
 * @throws when it is there and does not come up; in CI also when it cannot be started here
 */
export async function ensureSaslauthd(users: readonly SaslauthdUser[]): Promise<RunningSaslauthd | string> {
  const missing = (text: string): string => {
    if (process.env["CI"]) throw new Error(text);
    return text;
  };
  const installation = find();
  if (installation === undefined) return missing("no saslauthd: run test/peers/fetch-saslauthd.sh");
  const namespace = process.getuid!() === 0 ? ["-m"] : ["-rm"];
  if (spawnSync("unshare", [...namespace, "true"]).status !== 0) return missing("no mount namespace can be made here");
  const { bin, env } = installation;
  const dir = mkdtempSync(join(tmpdir(), "saslauthd-"));
  for (const name of ["etc", "run"]) mkdirSync(join(dir, name));
  for (const name of neededFiles) if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, join(dir, "etc", name));
  const setPassword = ({ name, realm, password }: SaslauthdUser): void => {
    const args = ["-f", join(dir, "etc/sasldb2"), "-c", "-p", "-u", realm === "" ? hostname() : realm, name];
    const { status, stderr } = spawnSync(join(bin, "saslpasswd2"), args, { env, input: password, encoding: "utf8" });
    if (status !== 0) throw new Error(`saslpasswd2 ${args.join(" ")}: ${stderr}`);
  };
  for (const user of users) setPassword(user);
  const logFile = join(dir, "log");
  const fd = openSync(logFile, "a");
  const script = 'mount --bind "$1/etc" /etc && exec "$2" -d -a sasldb -n 1 -m "$1/run"';
  const args = [...namespace, "sh", "-c", script, "sh", dir, join(bin, "saslauthd")];
  // At its end it signals all of its process group, so it gets one of its own.
  const child = spawn("unshare", args, { env, stdio: ["ignore", fd, fd], detached: true });
  closeSync(fd);
  const log = (): string => readFileSync(logFile, "latin1");
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  const stop = (): Promise<void> => end(child);
  const until = performance.now() + patienceMs;
  while (!/listening on socket/.test(log())) {
    if (child.exitCode !== null || performance.now() > until) {
      await stop();
      throw new Error(`saslauthd did not start\n${log()}`);
    }
    await delay(10);
  }
  const version = spawnSync(join(bin, "saslauthd"), ["-v"], { env, encoding: "utf8" }).stderr.split("\n", 1)[0] ?? "";
  return { socketPath: join(dir, "run/mux"), version, log, setPassword, stop, remove };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  const cut = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await ended;
  clearTimeout(cut);
}
