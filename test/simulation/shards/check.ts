/** What a recovered store of several shards must have, after what the lanes were told. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { UniqueId } from "../../../src/formats/ids.ts";
import { checkConsistency } from "../checker/consistency.ts";
import type { Observed, ObservedMailbox } from "../checker/observed.ts";
import { inspectHeaderFiles, readStore } from "../store/store-reader.ts";
import { type Box, type Lane, type LaneAction, type Lanes, renamedBox } from "./lane.ts";
import { partitionFolders, shards } from "./sharded-store.ts";

function spoolsOf(root: string): ReadonlyMap<string, string> {
  return new Map([...partitionFolders].map(([name, folder]) => [name, join(root, folder)]));
}

export function inspect(root: string): string[] {
  return [...spoolsOf(root).values()].flatMap(inspectHeaderFiles);
}

/** The store is closed. @returns what is wrong */
export function checkShards(root: string, { lanes }: Lanes): string[] {
  const observed: Observed[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const path = join(root, "store", `${shard}.db`);
    if (existsSync(path)) observed.push(readStore(path, spoolsOf(root)));
  }
  const boxes = new Map<string, ObservedMailbox>();
  const problems: string[] = [];
  for (const { mailboxes } of observed)
    for (const box of mailboxes.values()) {
      const other = boxes.get(box.uniqueid);
      if (other) problems.push(`${box.name} and ${other.name} in another shard have one uniqueid`);
      boxes.set(box.uniqueid, box);
    }
  for (const [shard, one] of observed.entries())
    problems.push(...checkConsistency(withoutOthers(one, boxes)).map((problem) => `shard ${shard}: ${problem}`));
  const known = new Set<string>();
  for (const lane of lanes) {
    problems.push(...checkLane(lane, boxes).map((problem) => `lane ${lane.number}: ${problem}`));
    for (const id of lane.boxes.keys()) known.add(id);
  }
  for (const { uniqueid, name } of boxes.values()) {
    const isExpected =
      known.has(uniqueid) || name.split(".").length === 2 || lanes.some(({ open }) => isMaking(open, name));
    if (!isExpected) problems.push(`${name} (${uniqueid}) is there and should not be`);
  }
  return problems;
}

const isMaking = (open: LaneAction | undefined, name: string): boolean => open?.verb === "create" && open.name === name;

/** A shard's reader takes directories of other shards' mailboxes for strays. */
function withoutOthers(observed: Observed, boxes: ReadonlyMap<string, ObservedMailbox>): Observed {
  const problems = observed.problems.filter((problem) => {
    const stray = /^the directory of (\S+) is left/.exec(problem)?.[1];
    return stray === undefined || !boxes.has(stray);
  });
  return { ...observed, problems };
}

function checkLane(lane: Lane, boxes: ReadonlyMap<string, ObservedMailbox>): string[] {
  const { open } = lane;
  const problems: string[] = [];
  let renames = 0;
  for (const [id, box] of lane.boxes) {
    const found = boxes.get(id);
    if (!found) {
      problems.push(`${box.name} (${id}) is lost`);
      continue;
    }
    const other = open?.verb === "rename" ? renamedBox(box.name, open.from, open.to) : box.name;
    if (found.name !== box.name && found.name !== other) problems.push(`${box.name} is called ${found.name}`);
    if (other !== box.name) renames |= found.name === box.name ? 1 : 2;
    problems.push(...checkBox(box, found, toleranceOf(id, open)).map((problem) => `${box.name}: ${problem}`));
  }
  if (renames === 3) problems.push("a tree is half renamed");
  if (open?.verb === "copy" || open?.verb === "move") problems.push(...checkCrossing(lane, open, boxes));
  return problems;
}

/** What an unanswered action may have done to a mailbox. */
interface Tolerance {
  readonly mayBeGone: ReadonlySet<number>;
  readonly mayBeFlagged: ReadonlySet<number>;
  /** Messages that may have come, by guid; checked more closely for copies and moves. */
  readonly mayHaveCome: (guid: string) => boolean;
}

function toleranceOf(id: UniqueId, open: LaneAction | undefined): Tolerance {
  const none = new Set<number>();
  const all = { mayBeGone: none, mayBeFlagged: none, mayHaveCome: () => false };
  if (!open || open.verb === "create" || open.verb === "purge") return all;
  if (open.verb === "rename")
    return { ...all, mayHaveCome: (guid) => open.beside?.box === id && guid === open.beside.guid };
  if (open.verb === "append") return { ...all, mayHaveCome: (guid) => open.box === id && guid === open.guid };
  if ("to" in open && open.to === id) return { ...all, mayHaveCome: () => true };
  if (open.box !== id || open.verb === "copy") return all;
  if (open.verb === "flag") return { ...all, mayBeFlagged: new Set(open.uids) };
  return { ...all, mayBeGone: new Set(open.uids) };
}

function checkBox(box: Box, found: ObservedMailbox, tolerance: Tolerance): string[] {
  const problems: string[] = [];
  for (const [uid, { guid, flagged }] of box.messages) {
    const message = found.messages.get(uid);
    if (!message) {
      if (!tolerance.mayBeGone.has(uid)) problems.push(`uid ${uid} is lost`);
      continue;
    }
    if (message.guid !== guid) problems.push(`uid ${uid} is another message`);
    if (message.flags.has("\\Flagged") !== flagged && !tolerance.mayBeFlagged.has(uid))
      problems.push(`uid ${uid}: flagged ${!flagged}`);
    if (!message.flags.has("$Lane")) problems.push(`uid ${uid} has lost its keyword`);
  }
  for (const { uid, guid } of found.messages.values())
    if (!box.messages.has(uid) && !tolerance.mayHaveCome(guid)) problems.push(`uid ${uid} is there and should not be`);
  return problems;
}

/** COPY: all or none. MOVE: each message is in one of the two. */
function checkCrossing(
  lane: Lane,
  open: Extract<LaneAction, { readonly verb: "copy" | "move" }>,
  boxes: ReadonlyMap<string, ObservedMailbox>,
): string[] {
  const source = boxes.get(open.box);
  const target = boxes.get(open.to);
  if (!source || !target) return [];
  const before = lane.boxes.get(open.to)!.messages;
  const came = [...target.messages.values()].filter(({ uid }) => !before.has(uid)).map(({ guid }) => guid);
  const guids = open.uids.map((uid) => lane.boxes.get(open.box)!.messages.get(uid)!.guid);
  if (open.verb === "copy")
    return came.length === 0 || same(came, guids) ? [] : [`a copy of ${guids.length} messages brought ${came.length}`];
  const gone = open.uids
    .filter((uid) => !source.messages.has(uid))
    .map((uid) => lane.boxes.get(open.box)!.messages.get(uid)!.guid);
  return same(came, gone) ? [] : [`${gone.length} messages have been moved away, ${came.length} have come`];
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.toSorted().join() === other.toSorted().join();
