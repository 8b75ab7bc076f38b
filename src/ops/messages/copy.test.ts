import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { configFromText } from "../../config/index.ts";
import type { UserId } from "../../formats/ids.ts";
import type { MessageBox, MailboxWriter } from "../../store/index.ts";
import { Site } from "../../store/writer/site.fixture.ts";
import { MailError } from "../errors.ts";
import { rulesOf } from "../rules.ts";
import { VerbContext } from "../verb.ts";
import { copy, type CopyResult, move } from "./copy.ts";
import { moveAllMessages } from "./move-all.ts";

const MESSAGES = 1_000;
const OCTETS = 10;

interface Boxes {
  readonly site: Site;
  readonly context: VerbContext;
  readonly from: MessageBox;
  readonly to: MessageBox;
}

/** Two mailboxes of fred, with messages of OCTETS octets in the first. */
function boxes(t: TestContext): Boxes {
  const site = new Site(t, { sliceScale: 0.1 });
  const text = `configdirectory: ${site.directory}\npartition-default: ${site.directory}/default\nauditlog: no\n`;
  const caller = { userId: "fred" as UserId, groups: [], isAdmin: false, sessionId: "test" };
  const context = new VerbContext(site.tx, rulesOf(configFromText(text)), caller);
  const [from, to] = [site.box("user.fred.from"), site.box("user.fred.to")];
  for (const box of [from, to])
    site.slice((tx) => tx.putEntry({ ...tx.entry(box.name)!, acl: "fred\tlrswipkxtecda\t" }));
  for (let n = 0; n < MESSAGES; n++) site.append(from, String(n).padStart(OCTETS, "0"));
  return { site, context, from, to };
}

/** Counts rows that are looked at in a mailbox. */
function looksAt(site: Site, { mbox }: MessageBox): { hot: number; cold: number } {
  const counts = { hot: 0, cold: 0 };
  const writer: MailboxWriter = site.tx.mailbox(mbox);
  const walkHot = writer.walkHot.bind(writer);
  writer.walkHot = (ranges, from, most, visit) =>
    walkHot(ranges, from, most, (block, index) => {
      counts.hot += 1;
      visit(block, index);
    });
  const coldRow = writer.coldRow.bind(writer);
  writer.coldRow = (uid) => {
    counts.cold += 1;
    return coldRow(uid);
  };
  return counts;
}

/** Runs a verb to its end. @returns what it returns, with how many slices it took */
function run<A>(site: Site, begin: () => A | Generator<void, A, void>): { result: A; slices: number } {
  let slices = 1;
  let result = site.slice(begin);
  if (typeof result === "object" && result !== null && "next" in result) {
    const rest = result;
    for (;;) {
      slices += 1;
      const step = site.slice(() => rest.next());
      if (!step.done) continue;
      result = step.value;
      break;
    }
  }
  return { result: result as A, slices };
}

function limit(site: Site, octets: number): void {
  site.slice((tx) =>
    tx.putQuota({
      root: "user.fred.to" as MessageBox["name"],
      storageLimit: octets / 1024,
      messageLimit: undefined,
      annotLimit: undefined,
      folderLimit: undefined,
      storageUsed: 0,
      messageUsed: 0,
      annotUsed: 0,
      folderUsed: 0,
      modseq: 1,
    }),
  );
}

function copyOf({ context, from, to }: Boxes, last: number): () => CopyResult | Generator<void, CopyResult, void> {
  return () => copy.run(context, { from: from.uniqueId, uids: [{ first: 1, last }], to: to.uniqueId }, []);
}

test("where there is room for all of a mailbox, a copy of some of it looks at each message once", (t) => {
  const site = boxes(t);
  limit(site.site, 10 * 1024);
  const looks = looksAt(site.site, site.from);
  const { result } = run(site.site, copyOf(site, MESSAGES - 100));
  assert.deepEqual(result.source, [{ first: 1, last: MESSAGES - 100 }]);
  assert.equal(looks.cold, MESSAGES - 100);
});

test("where there may not be, octets are added up in slices, and what does not fit is refused before anything is copied", (t) => {
  const site = boxes(t);
  limit(site.site, 9 * 1024);
  const fits = Math.floor((9 * 1024) / OCTETS);
  const looks = looksAt(site.site, site.from);
  const overQuota = (error: unknown): boolean => error instanceof MailError && error.code === "overQuota";
  assert.throws(() => run(site.site, copyOf(site, fits + 1)), overQuota);
  assert.equal(looks.cold, fits + 1);
  assert.equal(site.site.tx.peek(site.to.mbox)!.header.exists, 0);
  looks.cold = 0;
  assert.throws(() => run(site.site, copyOf(site, MESSAGES)), overQuota);
  assert.equal(looks.cold, 0, "of all of it the header says enough");
  const { result, slices } = run(site.site, copyOf(site, fits));
  assert.deepEqual(result.target, [{ first: 1, last: fits }]);
  assert.ok(slices > fits / 200, `${slices} slices`);
});

test("MOVE within a quota root needs no room; RENAME INBOX looks at each message a few times, however many slices it takes", (t) => {
  const moving = boxes(t);
  const args = { from: moving.from.uniqueId, uids: [{ first: 1, last: 5 }], to: moving.to.uniqueId };
  const { result } = run(moving.site, () => move.run(moving.context, args, []));
  assert.deepEqual(result.target, [{ first: 1, last: 5 }]);
  const { site, from, to } = moving;
  const looks = looksAt(site, from);
  const { slices } = run<void>(site, () => moveAllMessages(site.tx, from.mbox, to.mbox));
  assert.ok(slices >= 20, `${slices} slices`);
  assert.deepEqual([site.tx.peek(from.mbox)!.header.exists, site.tx.peek(to.mbox)!.header.exists], [0, MESSAGES]);
  // Each slice looks at what is left of a block.
  assert.ok(looks.hot < 5 * MESSAGES, `${looks.hot} looks`);
});

test("messages that come while RENAME INBOX goes on, and those between tombstones, are moved as well", (t) => {
  const { site, context, from, to } = boxes(t);
  site.slice((tx) => tx.mailbox(from.mbox).expunge([{ first: 3, last: 700 }], 1, 1e9, 0, []));
  const slices = moveAllMessages(context.tx, from.mbox, to.mbox);
  site.slice(() => slices.next());
  site.append(from, "late");
  while (!site.slice(() => slices.next()).done);
  assert.deepEqual([site.tx.peek(from.mbox)!.header.exists, site.tx.peek(to.mbox)!.header.exists], [0, 303]);
});
