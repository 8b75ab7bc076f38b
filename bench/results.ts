/** What a run of the benchmark found: several rounds of figures for each server, also in a file that runs go on with. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { median } from "./measure/statistics.ts";
import type { ServerName } from "./servers/server.ts";
import type { Figure, Mode } from "./work/work.ts";

export interface ServerFacts {
  readonly name: ServerName;
  readonly version: string;
  readonly configuration: string;
  /** How its CPU time was counted. */
  readonly account: string;
  /** KiB of PSS after start, and after the work. */
  readonly restingPssKib: number;
  readonly endPssKib: number;
  /** Octets on disk per message of the big mailbox. */
  readonly diskPerMessage?: number;
}

/** One server at one work in one round. */
export interface Visit {
  readonly server: ServerName;
  readonly work: string;
  readonly round: number;
  readonly mode: Mode;
}

export interface Measured extends Visit {
  /** When: "2026-03-01T14:05", UTC. */
  readonly at: string;
  readonly figure: Figure;
}

export interface Failed {
  readonly server: ServerName;
  readonly work: string;
  readonly mode?: Mode;
  readonly round?: number;
  readonly reason: string;
}

export interface Results {
  readonly machine: { readonly [name: string]: string | number };
  readonly options: { readonly scale: number; readonly rounds: number };
  readonly servers: readonly ServerFacts[];
  readonly measured: readonly Measured[];
  /** Counted under strace, in a run of its own. */
  readonly syncs: readonly Measured[];
  readonly failed: readonly Failed[];
}

/** What is measured now, together with what an earlier run left. */
export class ResultFile {
  #results: Results;
  readonly #path: string | undefined;

  /**
   * @param path written after every visit; undefined: nowhere
   * @param keep go on with what the file holds
   * @throws when that was measured at another scale
   */
  constructor(path: string | undefined, keep: boolean, fresh: Results) {
    this.#path = path;
    const old = keep && path !== undefined && existsSync(path) ? readResults(path) : undefined;
    if (old && old.options.scale !== fresh.options.scale) {
      throw new Error(`${path} was measured at scale ${old.options.scale}, not ${fresh.options.scale}`);
    }
    this.#results = old ? { ...old, machine: fresh.machine, options: fresh.options } : fresh;
  }

  get results(): Results {
    return this.#results;
  }

  has(visit: Visit): boolean {
    return [...this.#results.measured, ...this.#results.syncs].some((each) => sameVisit(each, visit));
  }

  /** Forgets what is known of these servers at these works, in all rounds. */
  forget(servers: readonly ServerName[], works: readonly string[]): void {
    const stays = ({ server, work }: Failed | Measured): boolean => !servers.includes(server) || !works.includes(work);
    const { measured, syncs, failed } = this.#results;
    this.#results = {
      ...this.#results,
      measured: measured.filter(stays),
      syncs: syncs.filter(stays),
      failed: failed.filter(stays),
    };
  }

  add(visit: Visit, figures: readonly Figure[]): void {
    const at = new Date().toISOString().slice(0, 16);
    const added = figures.map((figure): Measured => ({ ...visit, at, figure }));
    const { measured, syncs, failed } = this.#results;
    const better = failed.filter((each) => !sameVisit(each, visit));
    this.#results =
      visit.mode === "syncs"
        ? { ...this.#results, syncs: [...syncs, ...added], failed: better }
        : { ...this.#results, measured: [...measured, ...added], failed: better };
    this.#save();
  }

  fail(failed: Failed): void {
    const others = this.#results.failed.filter((each) => !sameVisit(each, failed));
    this.#results = { ...this.#results, failed: [...others, failed] };
    this.#save();
  }

  server(facts: ServerFacts): void {
    const others = this.#results.servers.filter(({ name }) => name !== facts.name);
    this.#results = { ...this.#results, servers: [...others, facts] };
    this.#save();
  }

  #save(): void {
    if (this.#path === undefined) return;
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(this.#results, undefined, 1)}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

export function readResults(path: string): Results {
  return JSON.parse(readFileSync(path, "utf8")) as Results;
}

function sameVisit(a: Visit | Failed, b: Visit | Failed): boolean {
  return a.server === b.server && a.work === b.work && a.round === b.round && a.mode === b.mode;
}

export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
}

/** Over all rounds of one figure of one server; undefined when there is none. */
export function summarize(
  measured: readonly Measured[],
  server: ServerName,
  name: string,
  pick: (figure: Figure) => number | undefined,
): Summary | undefined {
  const values = measured
    .filter((each) => each.server === server && each.figure.name === name)
    .map(({ figure }) => pick(figure))
    .filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  if (values.length === 0) return undefined;
  return {
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    rounds: values.length,
  };
}

/** Names of all figures, in the order in which they came. */
export function figureNames(measured: readonly Measured[]): string[] {
  return [...new Set(measured.map(({ figure }) => figure.name))];
}
