/** All DAEMON entries: those that are waited for, in order, and the others. */
import type { Log } from "../../base/log.ts";
import type { DaemonEntry } from "../../config/index.ts";
import type { Child, ChildSpec, Runnable } from "./child.ts";
import { type ProgramPlaces, resolveCommand } from "./commands.ts";
import { FatalError } from "./fatal.ts";
import { LongRunning, type LongRunningHost } from "./long-running.ts";

interface Daemon {
  readonly entry: DaemonEntry;
  readonly process: LongRunning;
}

export class Daemons {
  readonly #host: LongRunningHost;
  readonly #places: ProgramPlaces;
  readonly #log: Log;
  /** In the order of their start. */
  readonly #daemons = new Map<string, Daemon>();
  /** Dismissed by SIGHUP; they may take a while to go. */
  #leaving: LongRunning[] = [];
  #ending = false;

  constructor(host: LongRunningHost, places: ProgramPlaces) {
    this.#host = host;
    this.#places = places;
    this.#log = host.log;
  }

  /** Starts the `wait=y` ones, each after the one before is ready. @throws FatalError 78 */
  async startWaited(entries: readonly DaemonEntry[]): Promise<void> {
    const commands = entries.map((entry) => this.#commandOf(entry)); // all are looked for before any is started
    for (const [i, entry] of entries.entries()) {
      const command = commands[i];
      if (!entry.wait || !command || this.#ending) continue;
      const process = this.#make(entry, command);
      this.#daemons.set(entry.name, { entry, process });
      const failure = await process.startAndWait();
      if (failure === undefined) continue;
      this.#log.err(`ERROR: waitdaemon ${entry.name}/daemon did not write "ok\\r\\n" to fd 3`);
      throw new FatalError(`unable to spawn waitdaemon ${entry.name}/daemon`, 78);
    }
  }

  /** Starts the others. Never throws: master is at work by now, and an executable that has gone since is a line in the log. */
  startOthers(entries: readonly DaemonEntry[]): void {
    for (const entry of entries) {
      const command = entry.wait ? undefined : this.#runnable(entry, "absent is known");
      if (command && command !== "missing") this.#startNow(entry, command);
    }
  }

  /** SIGHUP: all are asked to go and start again; new ones start without a handshake, as a restart does. Never throws. */
  reload(entries: readonly DaemonEntry[], keepOthers: boolean): void {
    const wanted = new Map(entries.map((entry) => [entry.name, entry]));
    for (const [name, { process }] of this.#daemons) {
      const entry = wanted.get(name);
      const command = entry && this.#runnable(entry);
      if (entry && command && command !== "missing") {
        process.spec = specOf(entry, command);
        process.hangUp();
      } else if (command === "missing" || (!entry && keepOthers)) process.hangUp();
      else {
        process.giveUp();
        process.hangUp();
        this.#leaving.push(process);
        this.#daemons.delete(name);
      }
    }
    for (const entry of entries) {
      const command = this.#daemons.has(entry.name) ? undefined : this.#runnable(entry);
      if (command && command !== "missing") this.#startNow(entry, command);
    }
    this.#leaving = this.#leaving.filter(({ child }) => child?.running);
  }

  get count(): number {
    return this.#daemons.size;
  }

  /** No daemon starts again. Gives the processes that may be stopped together with the services: all but `wait=y`. */
  giveUp(): Child[] {
    this.#ending = true;
    for (const { process } of this.#daemons.values()) process.giveUp();
    const others = [...this.#daemons.values()].filter(({ entry }) => !entry.wait).map(({ process }) => process);
    return [...others, ...this.#leaving].flatMap(({ child }) => (child ? [child] : []));
  }

  /** Stops the `wait=y` ones, the last one first, each after the one before has gone. */
  async stopWaited(graceMs: number): Promise<void> {
    for (const { entry, process } of [...this.#daemons.values()].reverse()) {
      if (entry.wait) await process.stop(graceMs);
    }
  }

  #startNow(entry: DaemonEntry, command: Runnable): void {
    const process = this.#make(entry, command);
    this.#daemons.set(entry.name, { entry, process });
    process.start();
  }

  #make(entry: DaemonEntry, command: Runnable): LongRunning {
    return new LongRunning(specOf(entry, command), `${entry.name}/daemon`, entry.maxforkrate, this.#host);
  }

  /** @throws FatalError 78 for an executable that is not there */
  #commandOf(entry: DaemonEntry): Runnable | undefined {
    const command = this.#runnable(entry);
    if (command !== "missing") return command;
    throw new FatalError(
      `cannot find executable for service '${entry.name}' (${entry.cmd[0]} in ${entry.file}:${entry.line})`,
      78,
    );
  }

  #runnable(entry: DaemonEntry, mode?: "absent is known"): Runnable | "missing" | undefined {
    const command = resolveCommand(entry.cmd, this.#places);
    if (command.kind === "ours" || command.kind === "foreign") return command;
    if (command.kind === "missing" || mode === undefined) {
      const text =
        command.kind === "absent"
          ? `${entry.name}: ${command.program} is not part of this version, entry disabled`
          : `cannot find executable for service '${entry.name}' (${command.path})`;
      this.#log[command.kind === "absent" ? "notice" : "warning"](text);
    }
    return command.kind === "absent" ? undefined : "missing";
  }
}

function specOf(entry: DaemonEntry, command: Runnable): ChildSpec {
  const { name, maxfds, wait } = entry;
  const env = { CYRUS_SERVICE: name, CYRUS_ID: "0", CYRUS_ISDAEMON: "1", ...(wait && { PASARGAD_READY_FD: "3" }) };
  return { kind: "DAEMON", name, command, maxfds, env, channel: wait };
}
