/** The writers of the store, one cyr_stored for each shard: started before everything else, stopped after everything else. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ProgramPlaces } from "./commands.ts";
import { FatalError } from "./fatal.ts";
import { LongRunning, type LongRunningHost } from "./long-running.ts";
import { Backoff } from "./pace.ts";

const program = "cyr_stored";
/** A writer that cannot start may be waiting for the last one's lock, or for a slow disk; a wrong configuration stays wrong. */
const attempts = 3;
/** Workers wait for the writer for some seconds before they refuse what clients ask. */
const longestWaitMs = 2_000;
const retryMs = 500;
/** sysexits that another try does not change: usage, configuration. */
const hopeless: ReadonlySet<number> = new Set([64, 78]);

export interface WritersSettings {
  readonly places: ProgramPlaces;
  /** `-C`, handed on. */
  readonly imapdConf: string | undefined;
  /** One process for each. */
  readonly shards: number;
}

export class Writers {
  readonly #settings: WritersSettings;
  readonly #host: LongRunningHost;
  readonly #running = new Map<number, LongRunning>();
  #stopping = false;

  constructor(settings: WritersSettings, host: LongRunningHost) {
    this.#settings = settings;
    this.#host = host;
  }

  /**
   * Starts all of them and waits until each has recovered its shard. One that does not come up is tried again in the background as long as another one
   * serves: its owners wait, the others' do not.
   * @throws FatalError when none comes up, or when its configuration is wrong
   */
  async start(): Promise<void> {
    const { places, shards } = this.#settings;
    const file = join(places.directory, program + places.extension);
    if (!existsSync(file)) {
      this.#host.log.warning(`${program} is not part of this version: nothing will write to the store`);
      return;
    }
    const all = Array.from({ length: shards }, (_, shard) => shard);
    const failures = await Promise.all(all.map((shard) => this.#startOne(shard, file)));
    if (this.#stopping) return;
    const fatal = failures.find((status) => status !== undefined && hopeless.has(status)) ?? failures[0];
    const isNoneUp = failures.every((status) => status !== undefined);
    if (fatal !== undefined && (isNoneUp || hopeless.has(fatal))) {
      throw new FatalError(`${program} did not start, its log lines say why`, fatal === 78 ? 78 : 1);
    }
    for (const [shard, failure] of failures.entries()) {
      if (failure === undefined) continue;
      this.#host.log.err(`${program} of shard ${shard} did not start, its log lines say why; going on without it`);
      this.#make(shard, file).start();
    }
  }

  /** Ends all of them, at the same time. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running.values()].map((writer) => writer.stop(graceMs)));
  }

  /** Some tries. Resolves to undefined when it is ready or master is ending, else to its exit status. */
  async #startOne(shard: number, file: string): Promise<number | undefined> {
    for (let attempt = 1; !this.#stopping; attempt++) {
      const writer = this.#make(shard, file);
      const failure = await writer.startAndWait();
      if (failure === undefined) return undefined;
      await writer.stop(retryMs);
      const status = failure === "wrong word" ? 71 : failure.status;
      if (attempt === attempts || hopeless.has(status)) return status;
      this.#host.log.warning(`${program} did not start, trying again`);
      await delay(retryMs * attempt);
    }
    return undefined;
  }

  #make(shard: number, file: string): LongRunning {
    const { imapdConf, shards } = this.#settings;
    const args = imapdConf === undefined ? [] : ["-C", imapdConf];
    if (shards > 1) args.push("-s", String(shard));
    const name = shards > 1 ? `stored-${shard}` : "stored";
    const writer = new LongRunning(
      {
        kind: "DAEMON",
        name,
        command: { kind: "ours", program, file, args },
        channel: true,
        env: { PASARGAD_READY_FD: "3", CYRUS_ISDAEMON: "1" },
      },
      `${name}/daemon`,
      0,
      this.#host,
      new Backoff({ maxMs: longestWaitMs }),
    );
    this.#running.set(shard, writer);
    return writer;
  }
}
