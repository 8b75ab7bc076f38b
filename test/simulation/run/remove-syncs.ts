/** Shows that every sync is needed: takes each kind of sync out of a recording in turn, and looks for a loss. */
import type { Operation, SyncBegin } from "../record/log.ts";
import { Random } from "../random.ts";
import { DiskModel } from "../disk/disk-model.ts";
import { powerCuts, type CutOptions } from "./power-cuts.ts";
import type { Recording } from "./record-run.ts";

export interface SyncClass {
  /** "fsync store/N.db-wal": call and path with numbers and unique ids taken out. */
  readonly name: string;
  readonly syncs: number;
  /** Operations and names that became durable through them. 0: redundant in this run. */
  readonly covered: number;
}
export interface RemovalReport extends SyncClass {
  /** The loss that was found without these syncs; undefined: none in `states` states. */
  readonly failure: string | undefined;
  readonly states: number;
}

export function syncClass({ call, path }: SyncBegin): string {
  const general = path
    .replace(/uuid\/.\/.\//, "uuid/X/Y/")
    .replaceAll(/[0-9a-z]{20,}|[0-9a-f-]{32,}/g, "ID")
    .replaceAll(/\d+/g, "N");
  return `${call} ${general === "" ? "." : general}`;
}

/** The kinds of syncs in a recording, with what each covered. */
export function syncClasses({ initial, operations }: Pick<Recording, "initial" | "operations">): SyncClass[] {
  const model = new DiskModel(initial);
  const names = new Map<number, string>();
  const classes = new Map<string, { syncs: number; covered: number }>();
  for (const operation of operations) {
    const covered = model.apply(operation);
    if (operation.kind === "syncBegin") names.set(operation.token, syncClass(operation));
    if (operation.kind !== "syncEnd") continue;
    const name = names.get(operation.token)!;
    const entry = classes.get(name) ?? { syncs: 0, covered: 0 };
    classes.set(name, { syncs: entry.syncs + 1, covered: entry.covered + covered });
  }
  return [...classes].map(([name, counts]) => ({ name, ...counts })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Removes each kind in turn. `options.states` bounds the search for each; cuts are placed after the removed syncs. */
export async function removeEachSync(recording: Recording, options: CutOptions): Promise<RemovalReport[]> {
  const reports: RemovalReport[] = [];
  for (const kind of syncClasses(recording)) {
    const disk = { ...options.disk, ignoreSync: (sync: SyncBegin) => syncClass(sync) === kind.name };
    const cuts = cutsAfter(recording.operations, kind.name, new Random(options.seed, 4), options.states);
    const { failures, states } = await powerCuts(recording, { ...options, disk, cuts });
    reports.push({ ...kind, failure: failures[0], states });
  }
  return reports;
}

/** How far after a removed sync a loss is looked for: near, as another sync may soon cover the same, and further on. */
const reaches = [20, 100, 400];
function cutsAfter(operations: readonly Operation[], name: string, random: Random, count: number): number[] {
  const tokens = new Set<number>();
  const ends: number[] = [];
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === "syncBegin" && syncClass(operation) === name) tokens.add(operation.token);
    if (operation.kind === "syncEnd" && tokens.has(operation.token)) ends.push(index + 1);
  }
  const one = (): number => Math.min(random.pick(ends) + random.below(random.pick(reaches)), operations.length);
  return Array.from({ length: count }, one).toSorted((a, b) => a - b);
}
