import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { UniqueId } from "../../formats/ids.ts";
import { writeSeen } from "../user-rows.ts";
import type { MessageBox } from "./append.ts";
import { RemainsVerb } from "./own-verbs.ts";
import { areRemains, destroyMailbox, removeRemains, requireNoRemains } from "./remains.ts";
import { nameOfBox, Site } from "./site.fixture.ts";
import { Busy } from "./tx.ts";

const MESSAGES = 250;
const nobodySeen = { lastRead: 0, recentUid: 0, lastChange: 0, uids: "1:5" };

/** A mailbox with messages, annotations and readers, and another of the same owner with some of the same messages. */
function filled(t: TestContext, sliceScale: number): { site: Site; box: MessageBox; other: MessageBox } {
  const site = new Site(t, { sliceScale });
  const [box, other] = [site.box("user.fred"), site.box("user.fred.other")];
  for (let n = 1; n <= MESSAGES; n++) site.append(box, `message ${n}`);
  for (let n = 1; n <= 10; n++) site.append(other, `message ${n}`);
  site.slice(({ db }) => {
    const sql = "INSERT INTO annotation(uniqueid, uid, entry, userid, value, modseq) VALUES (?,?,'/comment','',?,1)";
    for (let uid = 0; uid < 20; uid++) db.run(sql, box.uniqueId, uid, Buffer.from("x"));
    for (let n = 0; n < 20; n++) writeSeen(db, `user${n}`, box.uniqueId, nobodySeen);
    writeSeen(db, "user1", other.uniqueId, nobodySeen);
  });
  return { site, box, other };
}

function destroy(site: Site, box: MessageBox): void {
  site.slice((tx) => {
    destroyMailbox(tx, box);
    tx.removeEntry(box.name);
  });
}

/** What tables still have of a mailbox. */
function rowsOf(site: Site, { mbox, uniqueId }: MessageBox): number[] {
  const blocks = [mbox * 2 ** 27, (mbox + 1) * 2 ** 27];
  return [
    site.count("cold WHERE id>=? AND id<?", ...blocks),
    site.count("hot WHERE id>=? AND id<?", ...blocks),
    site.count("guid WHERE mbox=?", mbox),
    site.count("annotation WHERE uniqueid=?", uniqueId),
    site.count("seen WHERE uniqueid=?", uniqueId),
  ];
}

/** Runs slices until nothing is left, or `most` of them. @returns the rows that each has changed */
function removeSlices(site: Site, most = Number.MAX_SAFE_INTEGER): number[] {
  const changed: number[] = [];
  const changes = (): number => site.db.get("SELECT total_changes()")![0] as number;
  const slices = removeRemains(site.tx);
  for (let isDone = false; !isDone && changed.length < most; ) {
    const before = changes();
    isDone = site.slice(() => slices.next()).done === true;
    changed.push(changes() - before);
  }
  return changed;
}

test("a mailbox is gone in one step, and what is left of it goes in slices", (t) => {
  const { site, box, other } = filled(t, 0.02);
  const kept = rowsOf(site, other);
  const before = rowsOf(site, box);
  destroy(site, box);
  assert.equal(site.tx.entry(nameOfBox("user.fred")), undefined);
  assert.equal(site.tx.peek(box.mbox), undefined);
  assert.deepEqual(rowsOf(site, box), before, "one step, however much there is");
  const changed = removeSlices(site);
  assert.ok(changed.length > MESSAGES / 10, `${changed.length} slices`);
  assert.ok(Math.max(...changed) <= 10, `a slice has changed ${Math.max(...changed)} rows`);
  assert.deepEqual(rowsOf(site, box), [0, 0, 0, 0, 0]);
  assert.deepEqual(rowsOf(site, other), kept);
  assert.equal(areRemains(site.tx), false);
});

test("a crash between any two slices leaves a mailbox that is gone, and the next life goes on", (t) => {
  const { site, box, other } = filled(t, 0.1);
  const kept = rowsOf(site, other);
  destroy(site, box);
  const slices = removeRemains(site.tx);
  for (let n = 0; ; n++) {
    if (n % 8 === 0) {
      const later = site.crashed();
      const { lost, intents } = later.recover();
      assert.deepEqual([lost, intents], [0, 0]);
      assert.equal(later.tx.entry(nameOfBox("user.fred")), undefined);
      assert.equal(later.tx.peek(box.mbox), undefined);
      assert.equal(areRemains(later.tx), true, "recovery leaves them to the writer");
      removeSlices(later);
      assert.deepEqual(rowsOf(later, box), [0, 0, 0, 0, 0]);
      assert.deepEqual(rowsOf(later, other), kept);
      assert.equal(areRemains(later.tx), false);
    }
    if (site.slice(() => slices.next()).done) return;
  }
});

test("what a damaged block has in the index goes as well", (t) => {
  const { site, box, other } = filled(t, 1);
  const id = site.column("SELECT id FROM cold ORDER BY id LIMIT 1 OFFSET 2")[0]!;
  site.db.run("UPDATE cold SET rows=zeroblob(500) WHERE id=?", id);
  destroy(site, box);
  // Cut short right after the blocks are gone, nothing of the index may be left.
  const slices = removeRemains(site.tx);
  while (rowsOf(site, box)[0]! > 0) site.slice(() => slices.next());
  assert.equal(rowsOf(site, box)[2], 0);
  removeSlices(site);
  assert.deepEqual(rowsOf(site, box), [0, 0, 0, 0, 0]);
  assert.equal(rowsOf(site, other)[2], 10);
});

test("no mailbox is made again under an identity that has remains", (t) => {
  const { site, box } = filled(t, 1);
  const check = (uniqueId: UniqueId) => (): void => site.slice((tx) => requireNoRemains(tx, uniqueId));
  check(box.uniqueId)();
  destroy(site, box);
  assert.throws(() => requireNoRemains(site.tx, box.uniqueId), Busy);
  check("another" as UniqueId)();
  removeSlices(site);
  check(box.uniqueId)();
});

test("an empty mailbox leaves nothing to do", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  destroy(site, box);
  assert.equal(areRemains(site.tx), false);
});

test("a slice that was taken back is begun again with what the database has", (t) => {
  const { site, box } = filled(t, 0.02);
  destroy(site, box);
  const verb = new RemainsVerb();
  for (let n = 0, isMore = true; isMore; n++) {
    if (n % 3 === 2) {
      const fails = (): void =>
        site.slice((tx) => {
          verb.run(tx);
          throw new Error("disk full");
        });
      assert.throws(fails, /disk full/);
      // As the writer does when it is refused.
      verb.forget();
    }
    // More than the other slices have got done, lest it never ends.
    for (let slices = 0; isMore && slices < 40 * (n + 1); slices++) isMore = site.slice((tx) => verb.run(tx));
  }
  assert.deepEqual(rowsOf(site, box), [0, 0, 0, 0, 0]);
});
