/** What a run of the benchmark found: several rounds of figures for each server. */
import { median } from "./measure/statistics.ts";
import type { ServerName } from "./servers/server.ts";
import type { Figure } from "./work/work.ts";

export interface ServerFacts {
  readonly name: ServerName;
  readonly version: string;
  readonly configuration: string;
  /** How its CPU time was counted. */
  readonly account: string;
  /** KiB of PSS after start, and after all the work; undefined when it is not there. */
  readonly restingPssKib: number;
  readonly endPssKib: number;
  /** Octets on disk per message of the big mailbox. */
  readonly diskPerMessage?: number;
}

export interface Measured {
  readonly server: ServerName;
  readonly round: number;
  readonly figure: Figure;
}

export interface Failed {
  readonly server: ServerName;
  readonly work: string;
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
