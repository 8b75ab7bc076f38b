/** The whole life of the process cyr_master: flags, files, background, signals, exit status. */
import { closeSync, openSync, readdirSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { createLog, type Log } from "../../base/log.ts";
import { duplicate, NativeError, replaceDescriptor, setCloseOnExec } from "../../base/native/index.ts";
import {
  type Config,
  ConfigError,
  effectiveIdentity,
  effectiveSyslogPrefix,
  loadCyrusConf,
  loadImapdConf,
  umaskOf,
  versionLine,
} from "../../config/index.ts";
import { changeDirectory, isBackgroundProcess, reportStart, runInBackground } from "./background.ts";
import { ownPlaces } from "./commands.ts";
import { FatalError } from "./fatal.ts";
import { giveUpRoot } from "./identity.ts";
import { type Graces, Master } from "./master.ts";
import { type MasterOptions, OptionError, parseMasterOptions } from "./options.ts";
import { lockPidFile, lockStart, type PidFile } from "./pid-file.ts";

/**
 * Runs master and ends the process.
 * @param programFile the program's own file; the other programs are beside it
 */
export async function runMaster(
  argv: readonly string[],
  programFile: string,
  graces: Partial<Graces> = {},
): Promise<never> {
  let log = createLog({ ident: "master", prefix: effectiveSyslogPrefix(undefined, process.env) });
  const terminal = new Terminal();
  closeInheritedOnExec();
  let pidFile: PidFile | undefined;
  let master: Master | undefined;
  try {
    const options = parseMasterOptions(argv);
    if (options.version) {
      process.stdout.write(`${versionLine}\n`);
      return process.exit(0);
    }
    const imapdConf = options.imapdConf && resolve(options.imapdConf);
    const cyrusConf = options.cyrusConf && resolve(options.cyrusConf);
    const config = loadImapdConf(imapdConf === undefined ? {} : { path: imapdConf });
    if (options.daemon && !isBackgroundProcess()) return process.exit(await runInBackground());

    log = createLog({ ident: "master", prefix: effectiveSyslogPrefix(config, process.env), debug: config.debug });
    pidFile = takePlace(options, config, terminal);
    giveUpRoot(effectiveIdentity(config, process.env), socketPaths(cyrusConf), log);
    log.notice("process started");
    for (const notice of config.notices) log.notice(notice);
    if (options.verbose > 0) process.env["CYRUS_VERBOSE"] = String(options.verbose - 1);

    master = new Master({
      config,
      log,
      clock: systemClock,
      places: ownPlaces(programFile),
      imapdConf,
      cyrusConf,
      backlog: options.backlog,
      output: "inherit",
      graces,
    });
    const signals = obeySignals(master, log);
    await master.start().catch((error: unknown) => {
      if (!signals.ending()) throw error; // else something was ended while we waited for it to be ready
    });
    terminal.forget();
    await signals.ended;
    pidFile.release();
    return process.exit(0);
  } catch (error) {
    const status = statusOf(error);
    const text = error instanceof Error ? error.message : String(error);
    log.err(status === undefined ? `Fatal error: ${error instanceof Error ? error.stack : text}` : text);
    terminal.write(`fatal error: ${text}\n`);
    reportStart(status ?? 70, `fatal error: ${text}`);
    await master?.stop();
    pidFile?.release();
    return process.exit(status ?? 70);
  }
}

/** Paths of the Unix sockets in SERVICES; none when the file has errors, which the start will tell. */
function socketPaths(cyrusConf: string | undefined): string[] {
  try {
    const { services } = loadCyrusConf({ mode: "start", ...(cyrusConf !== undefined && { path: cyrusConf }) });
    return services.flatMap(({ endpoint }) =>
      !("disabled" in endpoint) && endpoint.listen.kind === "unix" ? [endpoint.listen.path] : [],
    );
  } catch (error) {
    if (error instanceof ConfigError) return [];
    throw error;
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof FatalError) return error.status;
  if (error instanceof ConfigError) return error.exitCode;
  if (error instanceof OptionError) return 78;
  return undefined;
}

/** Becomes the one master of this pid file, in its directory, with its standard descriptors. @throws FatalError */
function takePlace(options: MasterOptions, config: Config, terminal: Terminal): PidFile {
  const starting = isBackgroundProcess() ? lockStart(options.pidFile) : undefined;
  try {
    const pidFile = lockPidFile(resolve(options.pidFile));
    process.umask(umaskOf(config));
    terminal.redirect(options);
    if (options.daemon) changeDirectory(config.configdirectory);
    reportStart(0);
    return pidFile;
  } finally {
    starting?.release();
  }
}

/** Descriptors that whoever started us has left open are no business of our children. */
function closeInheritedOnExec(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    try {
      if (fd > 2) setCloseOnExec(fd, true);
    } catch (error) {
      // The directory itself was open while it was read.
      if (!(error instanceof NativeError && error.code === "EBADF")) throw error;
    }
  }
}

/** `ended` resolves when a signal has told master to end and all its children are gone. */
function obeySignals(master: Master, log: Log): { readonly ended: Promise<void>; ending(): boolean } {
  const { promise, resolve: done } = Promise.withResolvers<void>();
  let ending = false;
  // Everybody's mail depends on this process: after a fault of one of its callbacks the others go on.
  process.on("uncaughtException", (error) => log.err(`Fatal error, going on: ${error.stack ?? error.message}`));
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      log.info(`attempting clean shutdown on signal ${signal}`);
      void master.stop().then(done, (error: unknown) => {
        // Another signal would be ignored: what is left of us must not stay for ever.
        log.err(`Fatal error while ending: ${error instanceof Error ? error.stack : error}`);
        process.exit(71);
      });
    });
  }
  process.on("SIGHUP", () => void master.reload());
  for (const signal of ["SIGALRM", "SIGPIPE", "SIGUSR2"] as const) process.on(signal, () => undefined);
  return { ended: promise, ending: () => ending };
}

/** The standard descriptors we were started with: where a start that fails says why, also after they were redirected. */
class Terminal {
  #stderr: number | undefined;

  /** 0 to 2 become /dev/null, or 1 and 2 the file of `-L`; with `-D` they stay. */
  redirect({ keepOutput, outputFile }: MasterOptions): void {
    if (keepOutput) return;
    this.#stderr = duplicate(2);
    const nowhere = openSync("/dev/null", "r+");
    const output = outputFile === undefined ? nowhere : openSync(outputFile, "a", 0o600);
    replaceDescriptor(nowhere, 0);
    replaceDescriptor(output, 1);
    // Containers read our log lines, and our children's, from there.
    if (process.env["PASARGAD_LOG"] !== "stderr" || outputFile !== undefined) replaceDescriptor(output, 2);
    for (const fd of new Set([nowhere, output])) closeSync(fd);
  }

  write(text: string): void {
    try {
      writeSync(this.#stderr ?? 2, text);
    } catch {
      // The terminal is gone; the log has the same text.
    }
  }

  /** The start is over. */
  forget(): void {
    if (this.#stderr !== undefined) closeSync(this.#stderr);
    this.#stderr = undefined;
  }
}
