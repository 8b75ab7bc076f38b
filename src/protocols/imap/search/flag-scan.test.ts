import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { UidRange } from "../../../formats/ids.ts";
import { Flag, HOT_SPAN, HotBlock, type Snapshot, UidMap } from "../../../store/index.ts";
import type { ImapSession } from "../core.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import type { Test } from "./compile.ts";
import { flagMaskOf, scanFlags } from "./flag-scan.ts";

interface Row {
  readonly flags: number;
  readonly user: readonly [number, number, number, number];
  readonly inView: boolean;
}

const bits = [Flag.answered, Flag.flagged, Flag.deleted, Flag.draft, Flag.seen];
const set = fc.boolean();
const leaf: fc.Arbitrary<Test> = fc.oneof(
  fc.record({ kind: fc.constant("flag" as const), bit: fc.constantFrom(...bits), set, needs: fc.constant(0 as const) }),
  fc.record({
    kind: fc.constant("keyword" as const),
    word: fc.integer({ min: 0, max: 3 }),
    mask: fc.constantFrom(1, 0x8000_0000),
    set,
    needs: fc.constant(0 as const),
  }),
  fc
    .tuple(fc.integer({ min: 1, max: 400 }), fc.nat(300))
    .map(([first, more]): Test => ({ kind: "uids", ranges: [{ first, last: first + more }], needs: 0 })),
  fc.record({ kind: fc.constant("constant" as const), value: fc.boolean(), needs: fc.constant(0 as const) }),
);
const tree = fc.letrec<{ tree: Test }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    leaf,
    tie("tree").map((one): Test => ({ kind: "not", test: one, needs: 0 })),
    fc
      .tuple(fc.constantFrom("and" as const, "or" as const), fc.array(tie("tree"), { minLength: 1, maxLength: 3 }))
      .map(([kind, tests]): Test => ({ kind, tests, needs: 0 })),
  ),
})).tree;
const word = fc.constantFrom(0, 1, 0x8000_0000);
const rows: fc.Arbitrary<(Row | undefined)[]> = fc.array(
  fc.option(
    fc.record({
      flags: fc.integer({ min: 0, max: 31 }),
      user: fc.tuple(word, word, word, word),
      inView: fc.boolean(),
    }),
    { nil: undefined },
  ),
  { maxLength: 500, size: "max" },
);

/** Says plainly what a test means. */
function holds(one: Test, uid: number, { flags, user }: Row): boolean {
  switch (one.kind) {
    case "and":
      return one.tests.every((each) => holds(each, uid, { flags, user, inView: true }));
    case "or":
      return one.tests.some((each) => holds(each, uid, { flags, user, inView: true }));
    case "not":
      return !holds(one.test, uid, { flags, user, inView: true });
    case "flag":
      return ((flags & one.bit) !== 0) === one.set;
    case "keyword":
      return ((user[one.word]! & one.mask) !== 0) === one.set;
    case "uids":
      return one.ranges.some(({ first, last }) => uid >= first && uid <= last);
    case "constant":
      return one.value;
    default:
      throw new Error(one.kind);
  }
}

/** A mailbox of these rows: the n-th, from 1 on, has that uid. */
function mailbox(all: readonly (Row | undefined)[]) {
  const blocks = new Map<number, HotBlock>();
  const runs: UidRange[] = [];
  for (const [at, row] of all.entries()) {
    const uid = at + 1;
    if (row === undefined) continue;
    const n = Math.floor(uid / HOT_SPAN);
    const block = blocks.get(n) ?? HotBlock.empty();
    blocks.set(n, block);
    block.put({ uid, modseq: 1, lastUpdated: 1, crcSuffix: 0, dateDigits: 10, flags: row.flags, user: row.user });
    if (row.inView) runs.push({ first: uid, last: uid });
  }
  const read = ({ first, last }: UidRange, limit: number): [number, HotBlock][] =>
    [...blocks].filter(([n]) => n >= Math.floor(first / HOT_SPAN) && n <= Math.floor(last / HOT_SPAN)).slice(0, limit);
  const isUnread = (block: HotBlock): boolean =>
    Array.from({ length: block.count }, (_, n) => block.flags(n)).some((flags) => (flags & Flag.seen) === 0);
  const snapshot = {
    hotBlocks: (_mbox: number, range: UidRange, limit: number) => read(range, limit).map(([, block]) => block),
    hotBlocksUnseen: (_mbox: number, range: UidRange, limit: number) =>
      read(range, 1_000)
        .map(([, block]) => block)
        .filter(isUnread)
        .slice(0, limit),
  } as unknown as Snapshot;
  const session = {
    view: (step: (snapshot: Snapshot) => unknown) => step(snapshot),
    service: { context: { config: { search_maxtime: undefined } } },
    out: { startSlice: () => undefined, isDue: () => false },
  } as unknown as ImapSession;
  const map = UidMap.fromRanges(runs);
  return { session, map };
}

test("what can be said with one mask finds what the keys mean", async () => {
  let masks = 0;
  await fc.assert(
    fc.asyncProperty(tree, rows, fc.boolean(), async (wanted, all, isInStep) => {
      const { session, map } = mailbox(all);
      const selected = {
        map,
        ownSeen: true,
        shared: { mbox: 1 },
        isInStep: () => isInStep,
      } as unknown as SelectedMailbox;
      const mask = flagMaskOf(wanted, selected);
      if (mask === undefined) return;
      masks++;
      const found: string[] = [];
      assert.ok(await scanFlags(session, selected, mask, (seqno, uid) => found.push(`${seqno}:${uid}`)));
      const expected: string[] = [];
      for (let seqno = 1; seqno <= map.count; seqno++) {
        const uid = map.uidAt(seqno);
        if (holds(wanted, uid, all[uid - 1]!)) expected.push(`${seqno}:${uid}`);
      }
      assert.deepEqual(found, expected);
    }),
    { numRuns: 400 },
  );
  assert.ok(masks > 100, `${masks} of the tests were masks`);
});

test("what is not of the message, or contradicts itself, is for the other way", () => {
  const own = { ownSeen: true } as unknown as SelectedMailbox;
  const others = { ownSeen: false } as unknown as SelectedMailbox;
  const flag = (bit: number, isSet: boolean): Test => ({ kind: "flag", bit, set: isSet, needs: 0 });
  assert.equal(flagMaskOf(flag(32, true), own), undefined);
  assert.equal(flagMaskOf(flag(Flag.seen, false), others), undefined);
  assert.ok(flagMaskOf(flag(Flag.deleted, false), others));
  const both: Test = { kind: "and", tests: [flag(Flag.seen, true), flag(Flag.seen, false)], needs: 0 };
  assert.equal(flagMaskOf(both, own), undefined);
});
