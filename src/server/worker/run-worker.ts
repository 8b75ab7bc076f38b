/** What every service program does between its first line and its last: flags, configuration, sockets, signals. */
import { hostname } from "node:os";
import { spawnSync } from "node:child_process";
import { createLog, createSessionIds, type Log } from "../../base/log.ts";
import { getFileLimit } from "../../base/native/index.ts";
import { type Config, loadImapdConf } from "../../config/index.ts";
import { Authenticator, type AuthenticatorOptions } from "../auth/index.ts";
import type { Connection } from "../connection/connection.ts";
import type { Session } from "../connection/session.ts";
import { reservedDescriptors, retireCheckMs, workerMemoryLimitOctets } from "../limits/limits.ts";
import { HostAccess } from "../limits/tcp-wrappers.ts";
import { ProcFiles, procDirectory, sweepProcs } from "../proc/proc-files.ts";
import { exitCode, startProgram } from "../program/start-program.ts";
import { TlsContexts } from "../tls/tls-contexts.ts";
import { hostSessions, type LoggedInSession } from "./host-sessions.ts";
import { ProgramFile } from "./program-file.ts";
import { parseServiceOptions, type ServiceOptions, UsageError } from "./service-options.ts";
import { StandardStreams } from "./standard-streams.ts";
import { StatusChannel } from "./status-channel.ts";
import { Worker } from "./worker.ts";

/** What a protocol gets to know about the process it runs in. */
export interface WorkerContext {
  /** cyrus.conf entry name: `imap`, `imaps`, `lmtpunix`. */
  readonly service: string;
  /** Number of the listening socket among those of the entry (CYRUS_ID). */
  readonly serviceId: string;
  readonly config: Config;
  readonly log: Log;
  readonly options: ServiceOptions;
  /** `servername`, else the host's name. */
  readonly serverName: string;
  /** Absent: TLS is not configured, so STARTTLS is not offered. */
  readonly tls: TlsContexts | undefined;
  readonly newSessionId: () => string;
  /** The logins of the service, wired to this worker's sessions and to those of other processes. */
  readonly newAuthenticator: (options: ProtocolLogin) => Authenticator;
  /** For `describe` (process files), `connections`, `retiring`. */
  readonly worker: Worker;
}

/** What only the protocol knows; see AuthenticatorOptions. */
export type ProtocolLogin = Omit<AuthenticatorOptions, "config" | "log" | "service" | "serverName" | "sessions">;

export interface PreparedService {
  createSession(connection: Connection): Session;
  /** Called once after the last session is gone. */
  close?(): void | Promise<void>;
}

export interface ServiceProgram {
  /** For error messages: `cyr_imapd`. */
  readonly program: string;
  /** Letters of its own flags, getopt style; `s` makes TLS implicit. */
  readonly ownFlags: string;
  /** Opens what the service needs (mail store, ...). What it throws stops the program with status 75, before it accepts. */
  prepare(context: WorkerContext): PreparedService | Promise<PreparedService>;
}

/** Status channel and listening socket, as master (ours and Cyrus's) passes them. */
const statusFd = 3;
const listenFd = 4;

/** Runs the service program in this process; exits it. */
export async function runWorker(
  program: ServiceProgram,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  let options: ServiceOptions;
  try {
    options = parseServiceOptions(argv, program.ownFlags);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return exit(exitCode.usage, `${program.program}: ${error.message}`);
  }
  const service =
    process.env["CYRUS_SERVICE"] ?? (options.standalone ? program.program.replace(/^cyr_/, "") : undefined);
  if (service === undefined || service === "") {
    return exit(exitCode.software, `${program.program}: could not getenv(CYRUS_SERVICE); exiting`);
  }
  let config: Config;
  try {
    config = loadImapdConf({ service, ...(options.configFile === undefined ? {} : { path: options.configFile }) });
  } catch (error) {
    const text = `fatal error: ${(error as Error).message}`;
    createLog({ ident: service }).err(text);
    return exit(exitCode.config, text);
  }
  // Reads the file a second time, which costs a few milliseconds once: the first reading was for an error in the log,
  // because nobody sees a service's stderr.
  const { log } = startProgram(service, options.configFile);
  // Our own master has told them once for all its workers; another one's does not, and its workers come and go.
  if (process.env["PASARGAD_WORKER"] !== "1") for (const notice of config.notices) log.debug(notice);
  for (const letter of options.hasNoEffect)
    log.notice(`-${letter} has no effect: a worker serves many sessions at once`);
  if (options.debug) runDebugCommand(config, program.program, log);

  let started: StartedWorker;
  try {
    started = await startWorker({ program, service, config, log, options });
  } catch (error) {
    log.err(`Fatal error: ${(error as Error).stack ?? String(error)}`);
    return exit(exitCode.tempFail, `fatal error: ${(error as Error).message}`);
  }
  sweepProcs(procDirectory({ procPath: config.proc_path, configDirectory: config.configdirectory }));
  await superviseProcess(started, log, options);
}

export interface StartOptions {
  readonly program: ServiceProgram;
  readonly service: string;
  readonly config: Config;
  readonly log: Log;
  readonly options?: ServiceOptions;
  /** Tests set limits here. */
  readonly overrides?: Partial<ConstructorParameters<typeof Worker>[0]>;
}

export interface StartedWorker {
  readonly worker: Worker;
  readonly context: WorkerContext;
  /** To be called after `worker.finished`. */
  close(): Promise<void>;
}

/** Makes a worker in this process, without touching signals or descriptors: for tests, and the inside of `runWorker`. */
export async function startWorker({ program, service, config, log, ...more }: StartOptions): Promise<StartedWorker> {
  const options = more.options ?? parseServiceOptions([], program.ownFlags);
  const directory = procDirectory({ procPath: config.proc_path, configDirectory: config.configdirectory });
  const tls = TlsContexts.fromConfig(config, log);
  let prepared: PreparedService = { createSession: notPrepared };
  const worker = new Worker({
    service,
    log,
    createSession: (connection) => prepared.createSession(connection),
    tlsOptions: tls === undefined ? undefined : () => tls.serverOptions(),
    implicitTls: options.flags.has("s"),
    proxyProtocol: options.proxyProtocol,
    procFiles: new ProcFiles(directory, log),
    procDirectory: directory,
    hostAccess: new HostAccess(log),
    telemetryDirectory: config.configdirectory,
    telemetryBySessionId: config.telemetry_bysessionid,
    showsLoginsAtOnce: config.maxlogins_per_user > 0 || config.maxlogins_per_host > 0,
    keepAlive: config.tcp_keepalive
      ? { idle: config.tcp_keepalive_idle, interval: config.tcp_keepalive_intvl, count: config.tcp_keepalive_cnt }
      : undefined,
    maxSessions: sessionCap(process.env["PASARGAD_MAXCHILD_SHARE"]),
    ...more.overrides,
  });
  if (options.flags.has("s") && tls === undefined) throw new Error("-s needs tls_server_cert in imapd.conf");
  const serverName = config.servername ?? hostname();
  const context: WorkerContext = {
    service,
    serviceId: process.env["CYRUS_ID"] ?? "0",
    config,
    log,
    options,
    serverName,
    tls,
    newSessionId: createSessionIds(config.syslog_prefix ?? serverName),
    newAuthenticator: (more) => {
      const sessions = (): Promise<LoggedInSession[]> => hostSessions(worker, service, directory);
      return new Authenticator({ ...more, config, log, service, serverName, sessions });
    },
    worker,
  };
  prepared = await program.prepare(context);
  return { worker, context, close: async () => prepared.close?.() };
}

function notPrepared(): never {
  throw new Error("a connection before the service was prepared");
}

/** Master's share of maxchild, and never more than the descriptors allow. */
function sessionCap(share: string | undefined): number {
  const byDescriptors = Math.max(1, Math.min(getFileLimit().soft, 1_000_000) - reservedDescriptors);
  const asked = share === undefined || !/^-?\d+$/.test(share) ? -1 : Number(share);
  return asked < 0 ? byDescriptors : Math.min(asked, byDescriptors);
}

async function superviseProcess(started: StartedWorker, log: Log, options: ServiceOptions): Promise<void> {
  const { worker } = started;
  process.on("uncaughtException", (error) => worker.uncaught(error));
  process.on("unhandledRejection", (error) => worker.uncaught(error));
  let terminated = false;
  const terminate = (): void => {
    if (!terminated) log.notice("graceful shutdown");
    terminated = true;
    void worker.terminate();
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) process.on(signal, terminate);
  process.on("SIGHUP", () => worker.retire("SIGHUP"));
  process.on("SIGUSR2", () => worker.endRequested());
  process.on("SIGPIPE", () => {});

  if (options.standalone) {
    worker.accept(new StandardStreams());
    worker.retire("standalone", { endSessions: false });
  } else {
    try {
      listenOnPassedSocket(worker, log);
    } catch (error) {
      log.err(`Fatal error: cannot listen on the socket passed: ${(error as Error).message}`);
      return exit(exitCode.osErr, "fatal error: cannot listen on the socket passed");
    }
    watchForRetirement(worker);
  }
  // Nothing else may keep an idle worker alive: an unref'd status channel and timers do not.
  const alive = setInterval(() => {}, 2 ** 30);
  await worker.finished;
  clearInterval(alive);
  await started.close();
  exit(terminated ? exitCode.tempFail : 0);
}

function listenOnPassedSocket(worker: Worker, log: Log): void {
  const systemd = process.env["LISTEN_PID"] === String(process.pid) && Number(process.env["LISTEN_FDS"]) >= 1;
  if (systemd) {
    // sd_listen_fds(3): the sockets are descriptors 3 and up.
    for (let i = 0; i < Number(process.env["LISTEN_FDS"]); i++) worker.listen(3 + i);
    return;
  }
  worker.listen(listenFd);
  const extended = process.env["PASARGAD_WORKER"] === "1";
  const status = new StatusChannel(statusFd, {
    extended,
    onShare: (share) => worker.setMaxSessions(share),
    onClosed: () => {
      // Master is gone. With no session left nobody would ever use or stop this process.
      log.warning("lost the connection to master");
      worker.retire("master is gone");
    },
  });
  worker.reportTo(status);
}

/** Memory past its limit, or another version of the program installed: a fresh worker is better. */
function watchForRetirement(worker: Worker): void {
  const file = new ProgramFile(process.argv[1]);
  setInterval(() => {
    if (process.memoryUsage.rss() > workerMemoryLimitOctets) worker.retire("memory limit");
    if (file.isReplaced()) worker.retire("process file has changed");
  }, retireCheckMs).unref();
}

/** `debug_command`, its first two %s-like words replaced by program and pid; run without a shell. */
function runDebugCommand(config: Config, program: string, log: Log): void {
  const command = config.debug_command;
  if (command === undefined || command === "") return;
  const [file = "", ...args] = command
    .split(/\s+/)
    .map((word) => word.replace("%s", program).replace("%d", String(process.pid)));
  const { status, error } = spawnSync(file, args, { stdio: "ignore", timeout: 60_000 });
  log.notice(`debug_command ${file} ended`, { status: status ?? undefined, error: error?.message });
}

function exit(code: number, text?: string): void {
  if (text !== undefined) process.stderr.write(`${text}\n`);
  process.exit(code);
}
