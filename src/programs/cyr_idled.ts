/**
 * cyr_idled: tells other programs of changes of mailboxes, over `idlesocket`, in the datagrams of Cyrus 3.6. Our own sessions do
 * not need it. A DAEMON entry; from START or a shell it goes on in the background, when it serves.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Log } from "../base/log.ts";
import { FlagError, getopt } from "../config/getopt.ts";
import type { Config } from "../config/index.ts";
import { Mail } from "../ops/index.ts";
import { IdleServer, SocketInUse } from "../protocols/idle/index.ts";
import { OperatorFiles } from "../server/auth/index.ts";
import { tellReady } from "../server/master/tell-ready.ts";
import { exitCode, startProgram } from "../server/program/start-program.ts";

const usage = "usage: cyr_idled [-C imapd.conf] [-d]";
/** Entries live at least this long, as sessions may (RFC 3501 §5.4), seconds. */
const MIN_TIMEOUT_SECONDS = 30 * 60;
/** How often the shutdown file and the process that started us are looked at, milliseconds. */
const LOOK_MILLISECONDS = 1_000;
const backgroundVariable = "PASARGAD_IDLED_STARTED_BY";

interface Flags {
  readonly configFile: string | undefined;
  /** -d: stays in the foreground, as under DAEMON. */
  readonly foreground: boolean;
}

function readFlags(): Flags | undefined {
  try {
    const flags = getopt(process.argv.slice(2), "C:d");
    return { configFile: flags.last("C"), foreground: flags.last("d") !== undefined };
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`cyr_idled: ${error.message}\n${usage}`);
    process.exitCode = exitCode.usage;
    return undefined;
  }
}

function main(): void {
  const flags = readFlags();
  if (flags === undefined) return;
  const startedBy = process.env[backgroundVariable];
  delete process.env[backgroundVariable];
  const isDaemon = process.env["CYRUS_ISDAEMON"] !== undefined;
  if (!isDaemon && !flags.foreground && startedBy === undefined) return goToBackground();
  const { config, log } = startProgram("idled", flags.configFile);
  serve(config, log, startedBy === undefined ? undefined : Number(startedBy));
}

/** Starts this program again and waits until it serves, so that who comes next in START finds the socket there. */
function goToBackground(): void {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...process.argv.slice(2)], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
    env: { ...process.env, [backgroundVariable]: String(masterPid()), PASARGAD_READY_FD: "3" },
  });
  child.stdio[3]!.once("data", () => process.exit(exitCode.ok));
  child.on("error", (error) => {
    console.error(`cyr_idled: cannot start in the background: ${error.message}`);
    process.exit(exitCode.osErr);
  });
  child.on("exit", (code) => process.exit(code ?? exitCode.software));
}

/** The master that runs START: who comes after it starts an idled of its own. 0 when a shell started us. */
function masterPid(): number {
  const { ppid } = process;
  try {
    return ppid > 1 && /cyr_master|cyrus-master/.test(readFileSync(`/proc/${ppid}/cmdline`, "latin1")) ? ppid : 0;
  } catch (error) {
    // It has ended since: a shell has, then; master would not before us.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return 0;
    throw error;
  }
}

/** @param startedBy set in the background: the process whose end is ours, or 0 */
function serve(config: Config, log: Log, startedBy: number | undefined): void {
  let server: IdleServer;
  let mail: Mail;
  try {
    mail = openMail(config);
    const timeoutMs = Math.max(config.timeout, MIN_TIMEOUT_SECONDS) * 1_000;
    server = new IdleServer({ path: config.idlesocket, mail, log, timeoutMs });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.err(`idled: ${text}`);
    console.error(`cyr_idled: ${text}`);
    process.exit(error instanceof SocketInUse ? exitCode.unavailable : exitCode.tempFail);
  }
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    log.notice(`idled: ${reason}, ending`);
    server.alert();
    server.close();
    void mail.close().then(() => process.exit(exitCode.ok));
  };
  const files = new OperatorFiles({
    configDirectory: config.configdirectory,
    userDenyPath: config.userdeny_db_path,
    service: "idled",
    log,
  });
  const look = setInterval(() => {
    const gone = startedBy !== undefined && startedBy > 0 && !isAlive(startedBy);
    if (files.shutdownText() === undefined && !gone) return;
    clearInterval(look);
    end(gone ? "who started it is gone" : "the shutdown file is there");
  }, LOOK_MILLISECONDS);
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"] as const) process.once(signal, () => end(signal));
  process.on("SIGPIPE", () => {});
  log.notice(`idled: serving ${config.idlesocket}`);
  // In the background the channel's other end goes away by itself.
  tellReady(() => {
    if (startedBy === undefined) end("master is gone");
  });
}

function openMail(config: Config): Mail {
  try {
    return new Mail(config);
  } catch (error) {
    // SQLite's texts do not say which file.
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot open the store in ${config.configdirectory}: ${text}`, { cause: error });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

main();
