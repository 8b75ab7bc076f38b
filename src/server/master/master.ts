/** The supervisor: what it starts in which order, what SIGHUP changes, and how everything ends. Never in the data path. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { ReadinessWatcher } from "../../base/native/index.ts";
import {
  type Config,
  ConfigError,
  type CyrusConf,
  type Entry,
  type EventEntry,
  loadCyrusConf,
  loadImapdConf,
} from "../../config/index.ts";
import { Child, type ChildKind, type ChildOptions, programPath, stopChildren } from "./child.ts";
import { type ProgramPlaces, resolveCommand } from "./commands.ts";
import { configNotices } from "./config-notices.ts";
import { Daemons } from "./daemons.ts";
import { EventRunner } from "./event-runner.ts";
import { FatalError } from "./fatal.ts";
import { tosOf } from "./listeners.ts";
import type { LongRunningHost } from "./long-running.ts";
import { writeMetrics } from "./metrics-file.ts";
import { Services } from "./services.ts";
import { Writers } from "./writer.ts";

export interface MasterSettings {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly places: ProgramPlaces;
  /** `-C`, handed to cyr_stored only. */
  readonly imapdConf: string | undefined;
  /** `-M` */
  readonly cyrusConf: string | undefined;
  readonly backlog: number;
  readonly output: "ignore" | "inherit";
  readonly graces?: Partial<Graces>;
}

/** How long what is told to stop may take before it is killed. */
export interface Graces {
  readonly serviceMs: number;
  readonly waitDaemonMs: number;
  readonly writerMs: number;
}

/** Workers give their sessions five seconds to say goodbye; the writer finishes its group and checkpoints. */
const defaultGraces: Graces = { serviceMs: 7_000, waitDaemonMs: 3_000, writerMs: 10_000 };
/** A reload that waits for a slow name server must not hold up the end. */
const reloadGraceMs = 1_000;
const janitorMs = 10_000;

export class Master {
  readonly #settings: MasterSettings;
  readonly #log: Log;
  readonly #watcher = new ReadinessWatcher();
  readonly #childOptions: ChildOptions;
  readonly #services: Services;
  readonly #daemons: Daemons;
  readonly #events: EventRunner;
  /** START and EVENTS that run now. */
  readonly #shortLived = new Set<Child>();
  readonly #writers: Writers;
  #timers: NodeJS.Timeout[] = [];
  #stopping = false;
  #reloads: Promise<void> = Promise.resolve();
  /** SIGHUP came before there was anything to read again. */
  #state: "starting" | "hung up while starting" | "running" = "starting";

  constructor(settings: MasterSettings) {
    const { log, clock, places, backlog, config, imapdConf } = settings;
    this.#settings = settings;
    this.#log = log;
    this.#childOptions = { log, monotonic: () => clock.monotonic(), output: settings.output };
    const host = { log, clock, childOptions: this.#childOptions };
    const maxWorkers = availableParallelism();
    const tos = tosOf(config.qosmarking);
    this.#services = new Services({ host: { ...host, watcher: this.#watcher, maxWorkers }, places, backlog, tos });
    this.#daemons = new Daemons(host satisfies LongRunningHost, places);
    this.#writers = new Writers({ places, imapdConf, shards: Math.max(1, config.store_shards) }, host);
    this.#events = new EventRunner(clock, log, (entry) => void this.#runOnce("EVENT", entry));
  }

  /** From nothing to "ready for work". @throws FatalError; the caller then calls `stop` */
  async start(): Promise<void> {
    const first = this.#read("start");
    await this.#writers.start();
    await this.#runStart(first);
    if (this.#stopping) return;
    // Read again: a START entry may have changed it, and Cyrus reads the rest only now.
    const conf = this.#read("start");
    for (const { text, file, line } of conf.warnings) this.#log.warning(`${file}:${line}: ${text}`);
    const { notices: told } = this.#settings.config;
    for (const notice of this.#notices(this.#settings.config, conf))
      if (!told.includes(notice)) this.#log.notice(notice);
    await this.#services.open(conf.services, { bindErrorsFatal: this.#settings.config.master_bind_errors_fatal });
    if (this.#stopping) return this.#services.close();
    await this.#daemons.startWaited(conf.daemons);
    if (this.#stopping) return;
    this.#log.notice("ready for work");
    this.#services.balance();
    this.#daemons.startOthers(conf.daemons);
    this.#events.schedule(this.#possible(conf.events));
    this.#startTimers();
    const hungUp = this.#state === "hung up while starting";
    this.#state = "running";
    if (hungUp) void this.reload();
  }

  /** SIGHUP: cyrus.conf is read again. Errors are logged and what they concern runs on; several at once take turns. */
  reload(): Promise<void> {
    this.#log.notice("got SIGHUP");
    if (this.#state !== "running") {
      this.#state = "hung up while starting";
      return Promise.resolve();
    }
    this.#reloads = this.#reloads
      .then(() => this.#reload())
      .catch((error: unknown) => {
        this.#log.err(`SIGHUP could not be obeyed: ${error instanceof Error ? error.stack : error}`);
      });
    return this.#reloads;
  }

  /** Ends everything that was started: services first, the writers last. Bounded. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#events.stop();
    this.#services.close();
    this.#watcher.close();
    await Promise.race([this.#reloads, delay(reloadGraceMs)]);
    this.#services.close();
    const { serviceMs, waitDaemonMs, writerMs } = { ...defaultGraces, ...this.#settings.graces };
    const children = [...this.#services.children, ...this.#daemons.giveUp(), ...this.#shortLived];
    await stopChildren(children, { graceMs: serviceMs, log: this.#log });
    await this.#daemons.stopWaited(waitDaemonMs);
    await this.#writers.stop(writerMs);
    this.#log.notice("All children have exited, closing down");
  }

  #read(mode: "start" | "reload"): CyrusConf {
    const { cyrusConf } = this.#settings;
    return loadCyrusConf({ mode, ...(cyrusConf !== undefined && { path: cyrusConf }) });
  }

  /** What imapd.conf says without effect, to master and to the services. */
  #notices(config: Config, conf: CyrusConf): Set<string> {
    const readers = [...conf.services, ...conf.daemons].flatMap(({ name, cmd }) => {
      const command = resolveCommand(cmd, this.#settings.places);
      return command.kind === "ours" ? [{ name, args: command.args }] : [];
    });
    return configNotices(config, readers);
  }

  /** Processes started from now on read imapd.conf as it is now, and leave it to us to say what has no effect. */
  #tellNoticesAgain(conf: CyrusConf): void {
    const { imapdConf } = this.#settings;
    try {
      const config = loadImapdConf(imapdConf === undefined ? {} : { path: imapdConf });
      for (const notice of this.#notices(config, conf)) this.#log.notice(notice);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#log.err(`imapd.conf: ${error.message}; processes that start from now on cannot read it`);
    }
  }

  /** The events whose program there is; the others are logged now, not every time they would have run. */
  #possible(entries: readonly EventEntry[]): EventEntry[] {
    return entries.filter((entry) => {
      const command = resolveCommand(entry.cmd, this.#settings.places);
      if (command.kind === "absent") this.#logAbsent(entry, command.program);
      return command.kind !== "absent";
    });
  }

  #logAbsent({ name }: Entry, program: string): void {
    this.#log.notice(`${name}: ${program} is not part of this version, entry disabled`);
  }

  /** One after the other; the first that fails ends the start. */
  async #runStart(conf: CyrusConf): Promise<void> {
    for (const entry of conf.start) {
      if (this.#stopping) return;
      const exit = await this.#runOnce("START", entry);
      if (exit === "absent" || exit === "normal" || this.#stopping) continue;
      throw new FatalError(`can't run startup (${entry.name} in ${entry.file}:${entry.line})`, 1);
    }
  }

  async #runOnce(kind: Extract<ChildKind, "START" | "EVENT">, entry: Entry): Promise<"normal" | "failed" | "absent"> {
    const command = resolveCommand(entry.cmd, this.#settings.places);
    if (command.kind === "absent") {
      this.#logAbsent(entry, command.program);
      return "absent";
    }
    if (command.kind === "missing") {
      this.#log.err(`can't exec ${command.path} for ${kind} ${entry.name}: no such executable`);
      return "failed";
    }
    this.#log.debug(`about to exec ${programPath(command)} for ${kind} ${entry.name}`);
    const child = new Child({ kind, name: entry.name, command }, this.#childOptions);
    this.#shortLived.add(child);
    const exit = await child.ended;
    this.#shortLived.delete(child);
    return exit.normal ? "normal" : "failed";
  }

  async #reload(): Promise<void> {
    if (this.#stopping) return;
    let conf: CyrusConf;
    try {
      conf = this.#read("reload");
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#log.err(`${error.message}; the old configuration stays in force`);
      return;
    }
    for (const { text, file, line } of conf.warnings) this.#log.warning(`${file}:${line}: ${text}`);
    for (const error of conf.errors) this.#log.warning(`${error.message} -- ignored`);
    this.#tellNoticesAgain(conf);
    const keepOthers = conf.errors.length > 0;
    await this.#services.reload(conf.services, keepOthers);
    if (this.#stopping) return; // told to end while names were looked up: nothing may start any more
    this.#daemons.reload(conf.daemons, keepOthers);
    this.#events.schedule(this.#possible(conf.events));
    const [services, daemons] = [this.#services.openSockets, this.#daemons.count];
    this.#log.notice(
      `Services reconfigured. ${services} out of ${services} (max ${services}) services structures and ` +
        `${daemons} out of ${daemons} (max ${daemons}) waitdaemon structures are now in use`,
    );
  }

  #startTimers(): void {
    const { config } = this.#settings;
    const janitor = (): void => {
      this.#services.janitor();
      this.#watcher.check();
    };
    this.#timers.push(setInterval(janitor, janitorMs));
    if (!config.prometheus_enabled) return;
    const path = join(config.prometheus_stats_dir ?? join(config.configdirectory, "stats"), "master.txt");
    const report = (): void => {
      try {
        writeMetrics(path, this.#services.metrics(), Date.now());
      } catch (error) {
        this.#log.err(`cannot write ${path}: ${error instanceof Error ? error.message : error}`);
      }
    };
    report();
    this.#timers.push(setInterval(report, Math.max(1, config.prometheus_update_freq) * 1000));
  }
}
