/** What every adapter of the blob port does. Each adapter's test runs this. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { UniqueId } from "../../formats/ids.ts";
import { BlobMissing, type BlobName, type BlobStore } from "./blob-store.ts";
import { spoolOnly } from "./places.ts";

/** An adapter on partitions `default` and `second`, the first with an archive, and what a test must see of it. */
export interface BlobSite {
  readonly blobs: BlobStore;
  /** Leaves octets for `take`, durable, in the stage of a root. */
  stage(root: string, name: string, octets: Uint8Array): void;
  isStaged(root: string, name: string): boolean;
  close(): void;
}

const [A, B] = ["aa1-mailbox", "bb2-mailbox"] as [UniqueId, UniqueId];

const blobAt = (text: string, place: string, uniqueId: UniqueId, uid: number): BlobName => {
  const octets = Buffer.from(text);
  const guid = createHash("sha1").update(octets).digest();
  return { place, uniqueId, uid, guid, sizeOctets: octets.length };
};

export function testBlobStore(adapter: string, open: () => BlobSite): void {
  const contract = (title: string, body: (site: BlobSite) => void): void => {
    test(`${adapter}: ${title}`, (context) => {
      const site = open();
      context.after(() => site.close());
      body(site);
    });
  };

  contract("what is put is there, in its place only, and replaces what was there", ({ blobs }) => {
    const one = blobAt("one", "default", A, 1);
    blobs.put(one, Buffer.from("one"));
    assert.ok(blobs.holds(one));
    for (const other of [{ place: "second" }, { place: "default/archive" }, { uniqueId: B }, { uid: 2 }]) {
      assert.ok(!blobs.holds({ ...one, ...other }));
    }
    assert.ok(!blobs.holds({ ...one, guid: blobAt("two", "default", A, 1).guid }), "as long, and other octets");
    const two = blobAt("another", "default", A, 1);
    blobs.put(two, Buffer.from("another"));
    assert.ok(blobs.holds(two) && !blobs.holds(one));
    blobs.sync();
  });

  contract("a linked blob keeps its octets when the other one is replaced or removed", ({ blobs }) => {
    const source = blobAt("shared", "default", A, 1);
    blobs.put(source, Buffer.from("shared"));
    const targets = ["default", "second", "default/archive"].map((place, n) => blobAt("shared", place, B, n + 1));
    for (const target of targets) blobs.link(source, target);
    blobs.link(source, targets[0]!);
    blobs.put(blobAt("new", "default", A, 1), Buffer.from("new"));
    blobs.remove(source);
    assert.deepEqual(
      [source, ...targets].map((blob) => blobs.holds(blob)),
      [false, true, true, true],
    );
    assert.throws(() => blobs.link(source, blobAt("shared", "default", B, 9)), BlobMissing);
    blobs.link(targets[0]!, source);
    assert.ok(blobs.holds(source));
  });

  contract("what was staged stays there until a sync has covered it", ({ blobs, stage, isStaged }) => {
    const one = blobAt("one", "default", A, 1);
    const old = blobAt("old", "default/archive", A, 2);
    stage("default", "staged-0001", Buffer.from("one"));
    stage("default/archive", "staged-0002", Buffer.from("old"));
    blobs.take(one, "staged-0001");
    blobs.take(old, "staged-0002", "default/archive");
    assert.ok(blobs.holds(one) && blobs.holds(old));
    assert.ok(isStaged("default", "staged-0001"));
    blobs.take(one, "staged-0001");
    blobs.sync();
    assert.deepEqual([isStaged("default", "staged-0001"), isStaged("default/archive", "staged-0002")], [false, false]);
    blobs.take(one, "staged-0001");
    assert.ok(blobs.holds(one), "taken in an earlier life");
    assert.throws(() => blobs.take(blobAt("two", "default", A, 3), "staged-0003"), BlobMissing);
  });

  contract("a partition means spool and archive where something is removed", ({ blobs }) => {
    const all = [1, 2, 3].flatMap((uid) => ["default", "default/archive"].map((place) => blobAt("x", place, A, uid)));
    for (const blob of all) blobs.put(blob, Buffer.from("x"));
    blobs.remove({ place: spoolOnly("default"), uniqueId: A, uid: 1 });
    assert.deepEqual(
      all.map((blob) => blobs.holds(blob)),
      [false, true, true, true, true, true],
    );
    blobs.remove({ place: "default", uniqueId: A, uid: 2 });
    assert.deepEqual(
      all.map((blob) => blobs.holds(blob)),
      [false, true, false, false, true, true],
    );
    assert.deepEqual(blobs.uidsOf("default", A).toSorted(), [1, 3]);
    assert.deepEqual(blobs.uidsOf(spoolOnly("default"), A), [3]);
    assert.deepEqual([blobs.has(all[1]!), blobs.has(all[0]!), blobs.has(all[4]!)], [true, false, true]);
    blobs.removeMailbox("default", A, 100);
    assert.equal(blobs.removeMailbox("default", A, 100), 0);
    assert.ok(all.every((blob) => !blobs.holds(blob)));
  });

  contract("a mailbox is removed in portions, with what comes meanwhile, and may be made again", ({ blobs }) => {
    const all = [1, 2, 3, 4, 5].map((uid) => blobAt("x", uid % 2 ? "default" : "default/archive", A, uid));
    const other = blobAt("x", "default", B, 1);
    for (const blob of [...all, other]) blobs.put(blob, Buffer.from("x"));
    const left = (): number => all.filter((blob) => blobs.holds(blob)).length;
    assert.deepEqual([blobs.removeMailbox("default", A, 2), left()], [2, 3]);
    const late = blobAt("x", "default", A, 9);
    blobs.put(late, Buffer.from("x"));
    assert.equal(blobs.removeMailbox("default", B, 2), 1);
    while (blobs.removeMailbox("default", A, 2) === 2);
    assert.deepEqual([left(), blobs.holds(late), blobs.holds(other)], [0, false, false]);
    blobs.put(late, Buffer.from("x"));
    assert.ok(blobs.holds(late));
    blobs.sync();
  });

  contract("a mailbox moves with what it has in spool and archive, and leaves those below it", ({ blobs }) => {
    const [from, to] = ["default:user/fred/A", "default:user/fred/B"];
    const moving = [blobAt("one", from, A, 1), blobAt("two", "default/archive:user/fred/A", A, 2)];
    const below = blobAt("one", "default:user/fred/A/sub", B, 1);
    for (const [n, blob] of moving.entries()) blobs.put(blob, Buffer.from(["one", "two"][n]!));
    blobs.put(below, Buffer.from("one"));
    while (!blobs.moveMailbox(from, to, A));
    while (!blobs.moveMailbox(from, to, A));
    const moved = [blobAt("one", to, A, 1), blobAt("two", "default/archive:user/fred/B", A, 2)];
    assert.deepEqual(
      [...moving, ...moved, below].map((blob) => blobs.holds(blob)),
      [false, false, true, true, true],
    );
    while (!blobs.moveMailbox(to, "default", A));
    assert.ok(blobs.holds(blobAt("one", "default", A, 1)));
    blobs.sync();
  });

  contract("names that are no plain words are refused", ({ blobs }) => {
    for (const uniqueId of ["../x", "", "a/b", "a\0"] as UniqueId[]) {
      assert.throws(() => blobs.put({ ...blobAt("x", "default", A, 1), uniqueId }, Buffer.from("x")));
    }
    assert.throws(() => blobs.take(blobAt("x", "default", A, 1), "../../etc/x"));
    assert.throws(() => blobs.put(blobAt("x", "nowhere", A, 1), Buffer.from("x")), /partition-nowhere/);
  });
}
