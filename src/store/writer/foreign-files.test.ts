import assert from "node:assert/strict";
import { test } from "node:test";
import type { UniqueId } from "../../formats/ids.ts";
import type { LinkSource } from "../pending.ts";
import { NeededFiles } from "./foreign-files.ts";
import { Site } from "./site.fixture.ts";

const box = "a".repeat(24) as UniqueId;

/** A row of another shard that links to a message of `box`. */
function linkTo(site: Site, seq: number, uid: number): void {
  const link: LinkSource = {
    mbox: 1,
    uniqueId: box,
    partition: "default/archive",
    uid,
    cacheOffset: 0,
    cacheLength: 0,
    cacheCrc: 0,
    cacheGeneration: 0,
  };
  const sql =
    "INSERT INTO pending(seq, mbox, uid, uniqueid, partition, source, size, guid) VALUES (?,2,?,'b','default',?,1,x'00')";
  site.db.run(sql, seq, seq, JSON.stringify({ link }));
}

function other(site: Site, seq: number): void {
  const sql =
    "INSERT INTO pending(seq, mbox, uid, uniqueid, partition, size, guid) VALUES (?,2,?,'b','default',1,x'00')";
  site.db.run(sql, seq, seq);
}

/** Which of the uids are needed; 0: something in the directory. */
const needed = (files: NeededFiles): number[] => [0, 1, 2, 3, 4].filter((uid) => files.has(box, "default", uid));

test("what rows name is needed as long as one of them is there", (t) => {
  const site = new Site(t);
  const files = new NeededFiles();
  const look = (): number[] => {
    files.look(1, site.db);
    return needed(files);
  };
  assert.deepEqual(look(), []);
  other(site, 1);
  linkTo(site, 2, 1);
  linkTo(site, 3, 1);
  linkTo(site, 4, 2);
  assert.deepEqual(look(), [0, 1, 2]);
  site.db.run("DELETE FROM pending WHERE seq<=2");
  linkTo(site, 5, 3);
  assert.deepEqual(look(), [0, 1, 2, 3]);
  site.db.run("DELETE FROM pending WHERE seq<=3");
  assert.deepEqual(look(), [0, 2, 3]);
  site.db.run("DELETE FROM pending");
  assert.deepEqual(look(), []);
});

test("several shards need a file each on its own account", (t) => {
  const [one, two] = [new Site(t), new Site(t)];
  const files = new NeededFiles();
  for (const site of [one, two]) linkTo(site, 1, 1);
  files.look(1, one.db);
  files.look(2, two.db);
  one.db.run("DELETE FROM pending");
  files.look(1, one.db);
  assert.deepEqual(needed(files), [0, 1]);
});

test("after a recovery of the other shard, whose numbers begin anew, everything is looked at again", (t) => {
  const site = new Site(t);
  const files = new NeededFiles();
  for (let seq = 1; seq <= 5; seq++) linkTo(site, seq, 1);
  files.look(1, site.db);
  assert.deepEqual(needed(files), [0, 1]);
  site.db.run("DELETE FROM pending");
  site.recover();
  // As many as before, and more, by the next look.
  for (let seq = 1; seq <= 6; seq++) linkTo(site, seq, 4);
  files.look(1, site.db);
  assert.deepEqual(needed(files), [0, 4]);
});

test("a row is read once", (t) => {
  const site = new Site(t);
  const files = new NeededFiles();
  for (let seq = 1; seq <= 100; seq++) linkTo(site, seq, seq);
  files.look(1, site.db);
  let rows = 0;
  const db = {
    get: site.db.get.bind(site.db),
    all: (...args: Parameters<typeof site.db.all>) => {
      const found = site.db.all(...args);
      rows += found.length;
      return found;
    },
  };
  linkTo(site, 101, 1);
  for (let n = 0; n < 10; n++) files.look(1, db as unknown as typeof site.db);
  assert.equal(rows, 1);
});
