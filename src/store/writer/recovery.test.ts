import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { cachePath, mailboxDirectory, messagePath, stageDirectory, stagePath } from "../blobs/paths.ts";
import { openReader } from "../database.ts";
import type { MessageBox } from "./append.ts";
import { FileWork } from "./file-work.ts";
import { beginHidden } from "./hidden.ts";
import { type IntentHandler, recover, recoveryNeeded } from "./recovery.ts";
import { keepAnswers, keptAnswer } from "./replies.ts";
import { Site } from "./site.fixture.ts";
import { silentLog } from "../../base/log.ts";

const pathOf = (site: Site, { partition, uniqueId }: MessageBox, uid: number) =>
  messagePath(mailboxDirectory(site.partitions.get(partition)!, uniqueId), uid);
const textOf = (site: Site, box: MessageBox, uid: number) => readFileSync(pathOf(site, box, uid), "latin1");

test("every file that pending names is written again, whatever is there, and pending is empty after it", (t) => {
  const site = new Site(t);
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  for (const text of ["one", "two", "three"]) site.append(fred, text);
  site.copy(fred, 2, jane);
  assert.equal(recoveryNeeded(site.db), true);
  const work = site.files();
  work.step(0);
  const later = site.crashed();
  // What a power cut makes of files that were not synced: none, empty, as long as it was and full of zeros.
  unlinkSync(pathOf(later, fred, 1));
  writeFileSync(pathOf(later, fred, 2), "");
  writeFileSync(pathOf(later, fred, 3), "\0\0\0\0\0");
  assert.deepEqual(later.recover(), { pending: 4, lost: 0, intents: 0 });
  assert.deepEqual(
    [1, 2, 3].map((uid) => textOf(later, fred, uid)),
    ["one", "two", "three"],
  );
  assert.equal(textOf(later, jane, 1), "two");
  assert.deepEqual([later.count("pending"), later.count("slot")], [0, later.count("slot")]);
  assert.equal(recoveryNeeded(later.db), false);
});

test("many rows are worked off in portions", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  for (let n = 1; n <= 150; n++) site.append(box, `message ${n}`);
  assert.deepEqual(site.recover(), { pending: 150, lost: 0, intents: 0 });
  assert.equal(textOf(site, box, 150), "message 150");
});

test("nothing of pending is forgotten when files cannot be written, and the writer does not start", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  site.append(box, "one");
  const reader = openReader(site.db.path);
  const work = new FileWork(reader, site.partitions, silentLog);
  work.blobs.sync = () => {
    throw new Error("EIO");
  };
  assert.throws(() => recover(site.tx, work, new Map(), Date.now()), /EIO/);
  work.close();
  reader.close();
  assert.equal(site.count("pending"), 1);
  assert.deepEqual(site.crashed().recover(), { pending: 1, lost: 0, intents: 0 });
});

test("a staged file is taken over also when it has lost its first name already", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  const root = site.partitions.get("default")!;
  mkdirSync(stageDirectory(root), { recursive: true });
  writeFileSync(stagePath(root, "lmtp-00000001"), "staged");
  site.append(box, "staged", "lmtp-00000001");
  const work = site.files();
  work.step(0);
  work.sync();
  const later = site.crashed();
  assert.ok(!existsSync(stagePath(later.partitions.get("default")!, "lmtp-00000001")));
  assert.deepEqual(later.recover(), { pending: 1, lost: 0, intents: 0 });
  assert.equal(textOf(later, box, 1), "staged");
});

test("octets that are nowhere are counted, and do not keep the writer from starting", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  site.append(box, "staged", "lmtp-00000001");
  site.append(box, "two");
  assert.deepEqual(site.recover(), { pending: 2, lost: 1, intents: 0 });
  assert.equal(textOf(site, box, 2), "two");
});

test("an insertion that was not finished is taken back, and its uids are spent", (t) => {
  const site = new Site(t);
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  site.append(fred, "one");
  site.slice((tx) => beginHidden(tx, { mbox: jane.mbox, first: 1, last: 5 }));
  site.copy(fred, 1, jane);
  const later = site.crashed();
  assert.deepEqual(later.recover(), { pending: 2, lost: 0, intents: 1 });
  const { header } = later.tx.peek(jane.mbox)!;
  assert.deepEqual([header.exists, header.lastUid, header.sizeOctets], [0, 5, 0]);
  assert.deepEqual(later.column("SELECT uid FROM doomed WHERE uniqueid=?", jane.uniqueId), [1]);
  assert.equal(later.count("guid"), 1);
  assert.equal(later.count("intent"), 0);
});

test("intents go to those who know them, and are kept where they say so; one that nobody knows ends the start", (t) => {
  const site = new Site(t);
  for (const kind of ["a", "b", "a"])
    site.db.run("INSERT INTO intent(kind, args) VALUES (?,?)", kind, JSON.stringify({ kind }));
  assert.throws(() => site.crashed().recover(), /has no handler/);
  const seen: unknown[] = [];
  const handlers = new Map<string, IntentHandler>([
    ["a", (_tx, args) => void seen.push(args)],
    ["b", () => "keep"],
  ]);
  const { intents } = recover(site.tx, site.files(), handlers, Date.now());
  assert.deepEqual([intents, seen], [2, [{ kind: "a" }, { kind: "a" }]]);
  assert.deepEqual(site.column("SELECT kind FROM intent"), ["b"]);
});

test("answers are kept for a day", (t) => {
  const site = new Site(t);
  const now = Math.floor(Date.now() / 1000);
  site.slice(({ db }) => {
    keepAnswers(db, "old", 0, [[1, { result: 1 }]], now - 90_000);
    keepAnswers(db, "new", 0, [[1, { result: 2 }]], now - 80_000);
  });
  site.recover();
  assert.equal(keptAnswer(site.db, { client: "old", id: 1 }), undefined);
  assert.deepEqual(keptAnswer(site.db, { client: "new", id: 1 }), { result: 2 });
});

test("each recovery counts: others tell by it that numbers of pending rows may begin anew", (t) => {
  const site = new Site(t);
  const count = (): unknown => site.column("SELECT value FROM meta WHERE key='recoveries'")[0];
  site.recover();
  assert.equal(count(), 1);
  site.recover();
  assert.equal(count(), 2);
});

test("cache records of pending messages are written as well, those of copies from where they come", (t) => {
  const site = new Site(t);
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  for (let n = 1; n <= 70; n++) site.append(fred, `message ${n}`);
  site.copy(fred, 70, jane);
  assert.deepEqual(site.recover(), { pending: 71, lost: 0, intents: 0 });
  for (const [box, uid, text] of [
    [fred, 1, "message 1"],
    [fred, 70, "message 70"],
    [jane, 1, "message 70"],
  ] as const) {
    const { cacheOffset, cacheLength, cacheGeneration } = site.tx.peek(box.mbox)!.coldRow(uid)!;
    const path = cachePath(mailboxDirectory(site.partitions.get("default")!, box.uniqueId), cacheGeneration);
    const record = readFileSync(path).subarray(cacheOffset, cacheOffset + cacheLength);
    assert.equal(record.toString(), `cache of ${text}`);
  }
});
