import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import type { UniqueId } from "../../formats/ids.ts";
import { FsBlobs } from "../blobs/fs-blobs.ts";
import { mailboxDirectory, messagePath } from "../blobs/paths.ts";
import { type Database, openReader, openWriter } from "../database.ts";
import { databasePath } from "../shards.ts";
import { DoomedFiles } from "./doomed-files.ts";
import { type ForeignFiles, NeededFiles } from "./foreign-files.ts";

const uniqueId = "a".repeat(24) as UniqueId;

/** A file that is doomed, and a pending row, already synced, that may be a link to it. */
function site(context: TestContext, shards: number): { writer: Database; path: string; doomed: DoomedFiles } {
  const root = mkdtempSync(join(tmpdir(), "doomed-"));
  const path = messagePath(mailboxDirectory(join(root, "spool"), uniqueId), 1);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "one");
  mkdirSync(join(root, "store"));
  const database = databasePath(join(root, "store"), 0);
  const writer = openWriter(database, { shard: 0, shards });
  writer.run(
    "INSERT INTO pending(seq, mbox, uid, uniqueid, partition, size, guid) VALUES (5,1,1,'b','default',3,x'00')",
  );
  writer.run("INSERT INTO doomed VALUES (1,0,5,?,'default',1)", uniqueId);
  const db = openReader(database);
  const partitions = new Map([["default", join(root, "spool")]]);
  const blobs = new FsBlobs(partitions);
  const foreign = shards > 1 ? ({ needed: () => new NeededFiles() } as unknown as ForeignFiles) : undefined;
  context.after(() => {
    blobs.close();
    db.close();
    writer.close();
    rmSync(root, { recursive: true });
  });
  return { writer, path, doomed: new DoomedFiles({ db, blobs, partitions, foreign, hashing: undefined }) };
}

test("a file goes when what may be a link to it is durable", (context) => {
  const { path, doomed } = site(context, 1);
  assert.equal(doomed.step(1, 4), 0);
  assert.ok(existsSync(path));
  assert.ok(doomed.step(1, 5) > 0);
  assert.ok(!existsSync(path));
  assert.equal(doomed.step(1, 5), 0, "it is done once");
  assert.deepEqual(doomed.synced(), [1]);
});

test("with several shards a file stays until no row names it: others look for octets where rows say they come from", (context) => {
  const { writer, path, doomed } = site(context, 2);
  assert.equal(doomed.step(1, 5), 0);
  assert.ok(existsSync(path));
  writer.run("DELETE FROM pending");
  assert.ok(doomed.step(1, 5) > 0);
  assert.ok(!existsSync(path));
});
