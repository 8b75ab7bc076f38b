import assert from "node:assert/strict";
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Log, silentLog } from "../../base/log.ts";
import { readHeaderFile } from "../blobs/header-file.ts";
import { cachePath, mailboxDirectory, messagePath, stageDirectory, stagePath } from "../blobs/paths.ts";
import type { MessageBox } from "./append.ts";
import type { FileWork, Finished } from "./file-work.ts";
import { recover } from "./recovery.ts";
import { destroyMailbox } from "./remains.ts";
import { Site } from "./site.fixture.ts";

const NOW = 2_000_000_000;

const directoryOf = (site: Site, box: MessageBox) =>
  mailboxDirectory(site.partitions.get(box.partition)!, box.uniqueId);
const pathOf = (site: Site, box: MessageBox, uid: number) => messagePath(directoryOf(site, box), uid);
const textOf = (site: Site, box: MessageBox, uid: number) => readFileSync(pathOf(site, box, uid), "latin1");

function linesOf(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const take = (text: string): void => void lines.push(text);
  return { log: { ...silentLog, err: take, warning: take, notice: take }, lines };
}

/** As the writer does with what is durable. */
function forget(site: Site, { pendingSeq, doomed, headers }: Finished): void {
  site.slice(({ db }) => {
    db.run("DELETE FROM pending WHERE seq<=?", pendingSeq);
    for (const seq of doomed) db.run("DELETE FROM doomed WHERE seq=?", seq);
    for (const { mbox, version } of headers) db.run("DELETE FROM header_due WHERE mbox=? AND version=?", mbox, version);
  });
}

function doAll(site: Site, work: FileWork): void {
  while (work.step(NOW) || work.unsynced > 0) forget(site, work.sync());
}

test("what pending calls for is written in order, said to be finished only after a sync, and not done twice", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  const work = site.files();
  for (const text of ["one", "two", "three"]) site.append(box, text);
  assert.equal(work.step(NOW), true);
  assert.deepEqual([work.unsynced, work.unsyncedOctets], [4, 11], "three messages and a header file");
  assert.deepEqual(
    [1, 2, 3].map((uid) => textOf(site, box, uid)),
    ["one", "two", "three"],
  );
  assert.equal(readHeaderFile(directoryOf(site, box))?.name, "user.fred");
  const finished = work.sync();
  assert.equal(finished.pendingSeq, site.tx.lastPendingSeq);
  assert.equal(finished.headers.length, 1);
  assert.equal(work.unsynced, 0);
  // Also while the rows are still there.
  unlinkSync(pathOf(site, box, 1));
  assert.equal(work.step(NOW), false);
  assert.ok(!existsSync(pathOf(site, box, 1)));
  forget(site, finished);
  site.append(box, "four");
  doAll(site, work);
  assert.equal(textOf(site, box, 4), "four");
  assert.equal(site.count("pending"), 0);
});

test("after a sync that failed everything since the last good one is done again", (t) => {
  const site = new Site(t);
  const box = site.box("user.fred");
  const work = site.files();
  site.append(box, "one");
  doAll(site, work);
  site.append(box, "two");
  work.step(NOW);
  const { blobs } = work;
  const sync = blobs.sync.bind(blobs);
  blobs.sync = () => {
    throw new Error("EIO");
  };
  assert.throws(() => work.sync(), /EIO/);
  blobs.sync = sync;
  // It reads well, and may never have reached the disk.
  for (const uid of [1, 2]) writeFileSync(pathOf(site, box, uid), "lost");
  assert.equal(work.step(NOW), true);
  assert.deepEqual([textOf(site, box, 1), textOf(site, box, 2)], ["lost", "two"]);
  doAll(site, work);
  assert.equal(site.count("pending"), 0);
});

test("a copy is a link, has its cache record copied along, and needs no line where there is no record to copy", (t) => {
  const site = new Site(t);
  const { log, lines } = linesOf();
  const work = site.files(log);
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  site.append(fred, "one");
  site.copy(fred, 1, jane);
  doAll(site, work);
  assert.equal(statSync(pathOf(site, jane, 1)).ino, statSync(pathOf(site, fred, 1)).ino);
  assert.equal(readFileSync(cachePath(directoryOf(site, jane), 1), "latin1"), "cache of one");
  unlinkSync(cachePath(directoryOf(site, fred), 1));
  site.copy(fred, 1, jane);
  doAll(site, work);
  assert.equal(textOf(site, jane, 2), "one");
  assert.deepEqual(lines, []);
  // What cannot be read is another matter.
  mkdirSync(cachePath(directoryOf(site, fred), 1));
  site.copy(fred, 1, jane);
  doAll(site, work);
  assert.deepEqual(lines, ["cache record not copied"]);
});

test("octets that are nowhere are damage, unless the message is not wanted any more", (t) => {
  const site = new Site(t);
  const { log, lines } = linesOf();
  const work = site.files(log);
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  for (const text of ["one", "two"]) site.append(fred, text);
  doAll(site, work);
  site.copy(fred, 1, jane);
  site.copy(fred, 2, jane);
  for (const uid of [1, 2]) unlinkSync(pathOf(site, fred, uid));
  site.slice((tx) => tx.mailbox(jane.mbox).expunge([{ first: 2, last: 2 }], 1, 100, 0, []));
  doAll(site, work);
  assert.deepEqual(lines, ["IOERROR: a message's octets are gone"]);
});

test("a staged file loses its first name after the sync, and one that a row calls for is never swept", (t) => {
  const site = new Site(t);
  const work = site.files();
  const box = site.box("user.fred");
  doAll(site, work);
  const root = site.partitions.get("default")!;
  mkdirSync(stageDirectory(root));
  for (const name of ["lmtp-wanted", "lmtp-left-over"]) writeFileSync(stagePath(root, name), "staged");
  site.append(box, "staged", "lmtp-wanted");
  work.sweepStaged(Date.now() + 1_000);
  const isStaged = (name: string): boolean => existsSync(stagePath(root, name));
  assert.deepEqual([isStaged("lmtp-wanted"), isStaged("lmtp-left-over")], [true, false]);
  work.step(NOW);
  assert.equal(textOf(site, box, 1), "staged");
  assert.ok(isStaged("lmtp-wanted"));
  forget(site, work.sync());
  assert.ok(!isStaged("lmtp-wanted"));
});

test("a file goes when nothing that is not durable can be a link to it", (t) => {
  const site = new Site(t);
  const work = site.files();
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  site.append(fred, "one");
  doAll(site, work);
  site.copy(fred, 1, jane);
  site.slice((tx) => tx.doom(fred.uniqueId, "default", 1, NOW));
  work.step(NOW - 1);
  work.step(NOW);
  assert.ok(existsSync(pathOf(site, fred, 1)), "the copy is not durable");
  forget(site, work.sync());
  assert.equal(work.step(NOW - 1), false, "not before its time");
  assert.equal(work.step(NOW), true);
  assert.ok(!existsSync(pathOf(site, fred, 1)));
  assert.equal(textOf(site, jane, 1), "one");
  doAll(site, work);
  assert.equal(site.count("doomed"), 0);
});

test("a large mailbox's directory goes a few files at a time, and new messages come first", (t) => {
  const site = new Site(t);
  const work = site.files();
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  doAll(site, work);
  const directory = directoryOf(site, fred);
  for (let uid = 1; uid <= 100; uid++) writeFileSync(messagePath(directory, uid), "x");
  const left = (): number =>
    Array.from({ length: 100 }, (_, n) => existsSync(messagePath(directory, n + 1))).filter(Boolean).length;
  site.slice((tx) => {
    destroyMailbox(tx, fred);
    tx.removeEntry(fred.name);
  });
  assert.equal(work.step(NOW), true);
  const after = left();
  assert.ok(after >= 80 && after < 100, `${after} are left after a step`);
  forget(site, work.sync());
  assert.equal(site.count("doomed"), 1, "its row stays until all is done");
  site.append(jane, "new");
  assert.equal(work.step(NOW), true);
  assert.equal(left(), after);
  assert.equal(textOf(site, jane, 1), "new");
  doAll(site, work);
  assert.ok(!existsSync(directory));
  assert.equal(site.count("doomed"), 0);
});

test("a header file is written as of its row, and again when the row has changed meanwhile", (t) => {
  const site = new Site(t);
  const work = site.files();
  const box = site.box("user.fred");
  work.step(NOW);
  site.slice((tx) => tx.putEntry({ ...tx.entry(box.name)!, acl: "jane\tlrs\t" }));
  forget(site, work.sync());
  assert.equal(site.count("header_due"), 1);
  assert.equal(readHeaderFile(directoryOf(site, box))?.acl, "");
  doAll(site, work);
  assert.equal(readHeaderFile(directoryOf(site, box))?.acl, "jane\tlrs\t");
  assert.equal(site.count("header_due"), 0);
});

test("a file that is there already is replaced, not written into: it may be a link that others share", (t) => {
  const site = new Site(t);
  const work = site.files();
  const box = site.box("user.fred");
  const path = pathOf(site, box, 1);
  mkdirSync(dirname(path), { recursive: true });
  const other = join(site.directory, "other");
  writeFileSync(other, "another's");
  linkSync(other, path);
  site.append(box, "mine");
  doAll(site, work);
  assert.equal(textOf(site, box, 1), "mine");
  assert.equal(readFileSync(other, "latin1"), "another's");
});

/** As a mailbox that moves to another partition: its file is called for there, from the place where it is. @returns the number of the row */
function relocate(site: Site, { name }: MessageBox, partition: string): number {
  return site.slice((tx) => {
    const entry = tx.entry(name) as MessageBox;
    const { mbox, uniqueId } = entry;
    const { guid, sizeOctets } = tx.mailbox(mbox).coldRow(1)!;
    const link = { mbox, uniqueId, partition: entry.partition, uid: 1, ...noCache };
    const seq = tx.addPending({
      mbox,
      uid: 1,
      uniqueId,
      partition,
      sizeOctets,
      guid: Buffer.from(guid),
      source: { link },
      octets: undefined,
      cache: undefined,
      cacheOffset: 0,
      cacheGeneration: 1,
    });
    tx.putEntry({ ...entry, partition });
    tx.doom(uniqueId, entry.partition, 0, NOW);
    return seq;
  });
}
const noCache = { cacheOffset: 0, cacheLength: 0, cacheCrc: 0, cacheGeneration: 1 };

/** A message, a copy of it, and its mailbox moved away and back, all of which is still to be done. */
function movedToAndFro(t: TestContext): { site: Site; fred: MessageBox; jane: MessageBox; back: number } {
  const site = new Site(t);
  const [fred, jane] = [site.box("user.fred"), site.box("user.jane")];
  site.append(fred, "one");
  doAll(site, site.files());
  site.copy(fred, 1, jane);
  relocate(site, fred, "second");
  return { site, fred, jane, back: relocate(site, fred, "default") };
}

/** Says, when the file is made that comes back, how many rows are left before it. */
function rowsBefore(site: Site, work: FileWork, { uniqueId }: MessageBox, back: number): number[] {
  const rows: number[] = [];
  const link = work.blobs.link.bind(work.blobs);
  work.blobs.link = (source, blob) => {
    if (blob.uniqueId === uniqueId && blob.place === "default") rows.push(site.count("pending WHERE seq<?", back));
    link(source, blob);
  };
  return rows;
}

test("a file that comes back replaces the old one when no row is left that recovery would make from that", (t) => {
  const { site, fred, jane, back } = movedToAndFro(t);
  const work = site.files();
  const rows = rowsBefore(site, work, fred, back);
  const { ino } = statSync(pathOf(site, fred, 1));
  assert.equal(work.step(NOW), true);
  assert.equal(work.isBlocked, true);
  const finished = work.sync();
  work.step(NOW);
  assert.equal(work.isBlocked, true, "durable is not enough");
  assert.equal(statSync(pathOf(site, fred, 1)).ino, ino);
  forget(site, finished);
  doAll(site, work);
  assert.deepEqual(rows, [0]);
  assert.deepEqual([textOf(site, fred, 1), textOf(site, jane, 1)], ["one", "one"]);
  assert.equal(site.count("pending"), 0);
});

test("recovery does the same", (t) => {
  const { site, fred, jane, back } = movedToAndFro(t);
  const later = site.crashed();
  const work = later.files();
  const rows = rowsBefore(later, work, fred, back);
  assert.deepEqual(recover(later.tx, work, new Map(), Date.now()), { pending: 3, lost: 0, intents: 0 });
  assert.deepEqual(rows, [0]);
  assert.deepEqual([textOf(later, fred, 1), textOf(later, jane, 1)], ["one", "one"]);
});
