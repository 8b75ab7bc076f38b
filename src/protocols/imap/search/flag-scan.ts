/**
 * SEARCH for flags alone (UNSEEN FLAGGED, NOT DELETED, 1:* KEYWORD x): all its keys become one mask and one value, which are compared with each row in the
 * block's octets. Blocks without unread messages are not read when unread ones are looked for.
 */
import { refuse } from "../../../ops/index.ts";
import type { UidRange } from "../../../formats/ids.ts";
import { Flag, type HotBlock, HOT_ROW, HOT_SPAN, type Snapshot, SYSTEM_FLAGS } from "../../../store/index.ts";
import type { ImapSession } from "../core.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import { UidWalk } from "../mailbox/uid-set.ts";
import type { Test } from "./compile.ts";

/** Blocks read in a step: some 0.3 ms. */
const BLOCKS_A_STEP = 64;
const HIGHEST_UID = 0xffffffff;

/** What a row must have: `mask` of its flags be `value`, and the same for the four words of user flags. */
export interface FlagMask {
  mask: number;
  value: number;
  readonly wordMasks: number[];
  readonly wordValues: number[];
  /** Uids outside of these do not match, ascending. */
  uids: readonly UidRange[] | undefined;
}

/** @returns undefined for a test that is more than an AND of flags of the messages */
export function flagMaskOf(test: Test, selected: SelectedMailbox): FlagMask | undefined {
  const result: FlagMask = { mask: 0, value: 0, wordMasks: [0, 0, 0, 0], wordValues: [0, 0, 0, 0], uids: undefined };
  // What is open yet, with whether it is meant negated; no recursion on what a client has sent.
  const open: { readonly test: Test; readonly negated: boolean }[] = [{ test, negated: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { negated } = next;
    const one = next.test;
    switch (one.kind) {
      case "and":
        if (negated) return undefined;
        for (const each of one.tests) open.push({ test: each, negated });
        break;
      case "or":
        // Not (a or b) is neither of them.
        if (!negated) return undefined;
        for (const each of one.tests) open.push({ test: each, negated });
        break;
      case "not":
        open.push({ test: one.test, negated: !negated });
        break;
      case "constant":
        if (one.value === negated) return undefined;
        break;
      case "uids":
        if (negated || result.uids !== undefined) return undefined;
        result.uids = one.ranges;
        break;
      case "flag": {
        const isOfMessage = (one.bit & SYSTEM_FLAGS) !== 0 && (one.bit !== Flag.seen || selected.ownSeen);
        const value = one.set !== negated ? one.bit : 0;
        if (!isOfMessage || ((result.mask & one.bit) !== 0 && (result.value & one.bit) !== value)) return undefined;
        result.mask |= one.bit;
        result.value |= value;
        break;
      }
      case "keyword": {
        const { word } = one;
        const bit = one.mask | 0;
        const value = one.set !== negated ? bit : 0;
        const mask = result.wordMasks[word]!;
        if ((mask & bit) !== 0 && (result.wordValues[word]! & bit) !== value) return undefined;
        result.wordMasks[word] = mask | bit;
        result.wordValues[word]! |= value;
        break;
      }
      default:
        return undefined;
    }
  }
  return result;
}

/** `search_maxtime` in milliseconds: nothing, 0 and what is no number mean no limit. */
export function searchMilliseconds({ service }: ImapSession): number {
  const seconds = Number.parseFloat(service.context.config.search_maxtime ?? "");
  return seconds > 0 ? seconds * 1_000 : Number.POSITIVE_INFINITY;
}

/**
 * Calls `found` with seqno and uid of each message that matches, in order. @returns false when the client is gone
 * @throws MailError searchTooSlow, after `search_maxtime`
 */
export async function scanFlags(
  session: ImapSession,
  selected: SelectedMailbox,
  mask: FlagMask,
  found: (seqno: number, uid: number) => void,
): Promise<boolean> {
  const { map } = selected;
  const { out } = session;
  const { uids } = mask;
  if (uids?.length === 0) return true;
  const walk = uids && new UidWalk(uids);
  const first = uids?.[0]!.first ?? 1;
  const last = Math.min(uids?.at(-1)!.last ?? HIGHEST_UID, map.lastUid);
  const scan = new BlockScan(mask);
  const endsBy = performance.now() + searchMilliseconds(session);
  // The run of the map that the last match lay in.
  let run = { first: 1, last: 0 };
  let before = 0;
  const match = (uid: number): void => {
    if (uid > run.last || uid < run.first) {
      const seqno = map.seqnoOf(uid);
      if (seqno === 0) return;
      run = map.runOf(seqno);
      before = seqno - (uid - run.first) - 1;
    }
    if (walk === undefined || walk.has(uid)) found(before + uid - run.first + 1, uid);
  };
  out.startSlice();
  for (let from = first; from <= last; ) {
    const blocks = session.view((snapshot) => scan.read(snapshot, selected, from, last));
    for (const block of blocks) scan.block(block, from, last, match);
    const end = blocks.at(-1);
    if (end === undefined || blocks.length < BLOCKS_A_STEP) break;
    // A block without rows does not say which one it is, but so many of them have been passed at least.
    const known = end.count > 0 ? end.uid(0) : from + (BLOCKS_A_STEP - 1) * HOT_SPAN;
    from = (Math.floor(known / HOT_SPAN) + 1) * HOT_SPAN;
    if (performance.now() > endsBy) refuse("searchTooSlow");
    if (out.isDue() && (!(await out.rest()) || session.isEnding)) return false;
  }
  return true;
}

class BlockScan {
  readonly #mask: FlagMask;
  readonly #hasWords: boolean;
  readonly #isUnseen: boolean;

  constructor(mask: FlagMask) {
    this.#mask = mask;
    this.#hasWords = mask.wordMasks.some((word) => word !== 0);
    this.#isUnseen = (mask.mask & Flag.seen) !== 0 && (mask.value & Flag.seen) === 0;
  }

  read(snapshot: Snapshot, selected: SelectedMailbox, first: number, last: number): HotBlock[] {
    const { mbox } = selected.shared;
    const range = { first, last };
    // Heads count what is there now; a session that has expunged messages in view is answered from the rows.
    return this.#isUnseen && selected.isInStep(snapshot)
      ? snapshot.hotBlocksUnseen(mbox, range, BLOCKS_A_STEP)
      : snapshot.hotBlocks(mbox, range, BLOCKS_A_STEP);
  }

  block(block: HotBlock, from: number, last: number, match: (uid: number) => void): void {
    const { view, count } = block;
    const { mask, value } = this.#mask;
    let at = block.at(block.lowerBound(from));
    for (const end = block.at(count); at < end; at += HOT_ROW) {
      if ((view.getUint32(at + 4, true) & mask) !== value) continue;
      if (this.#hasWords && !this.#wordsMatch(view, at + 24)) continue;
      const uid = view.getUint32(at, true);
      if (uid > last) return;
      match(uid);
    }
  }

  #wordsMatch(view: DataView, at: number): boolean {
    const { wordMasks, wordValues } = this.#mask;
    for (let word = 0; word < 4; word++) {
      if ((view.getUint32(at + 4 * word, true) & wordMasks[word]!) !== wordValues[word]!) return false;
    }
    return true;
  }
}
