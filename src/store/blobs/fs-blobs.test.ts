import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { UniqueId } from "../../formats/ids.ts";
import { type BlobSite, testBlobStore } from "./contract.fixture.ts";
import { FsBlobs } from "./fs-blobs.ts";
import { stageDirectory, stagePath } from "./paths.ts";

function openSite(): BlobSite & { readonly blobs: FsBlobs; readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), "blobs-"));
  const names = ["default", "default/archive", "second"];
  const roots = new Map(names.map((name) => [name, join(directory, name.replace("/", "-"))]));
  const blobs = new FsBlobs(roots);
  return {
    directory,
    blobs,
    stage(root, name, octets) {
      mkdirSync(stageDirectory(roots.get(root)!), { recursive: true });
      writeFileSync(stagePath(roots.get(root)!, name), octets);
    },
    isStaged: (root, name) => existsSync(stagePath(roots.get(root)!, name)),
    close() {
      blobs.close();
      rmSync(directory, { recursive: true });
    },
  };
}

testBlobStore("fs", openSite);

test("files are the owner's alone, and directories by name go with their last message", (context) => {
  const { blobs, directory, close } = openSite();
  context.after(close);
  const blob = { uniqueId: "aa1" as UniqueId, uid: 1, guid: Buffer.alloc(20), sizeOctets: 1 };
  blobs.put({ ...blob, place: "default:user/fred/A" }, Buffer.from("x"));
  const path = join(directory, "default/user/fred/A/1.");
  assert.deepEqual([statSync(path).mode & 0o777, statSync(join(path, "..")).mode & 0o777], [0o600, 0o700]);
  assert.ok(blobs.moveMailbox("default:user/fred/A", "default", blob.uniqueId));
  assert.deepEqual(readdirSync(join(directory, "default")), ["uuid"]);
});

test("staged files that are old and that nothing calls for are swept; a link is as old as itself, not as its message", (context) => {
  const { blobs, directory, stage, isStaged, close } = openSite();
  context.after(close);
  const names = ["lmtp-00000001", "lmtp-00000002", "lmtp-00000003", "archive-00000001"];
  for (const name of names) stage("default", name, Buffer.from("x"));
  const old = 1_600_000_000;
  for (const name of names.slice(1)) utimesSync(stagePath(join(directory, "default"), name), old, old);
  const left = (): string[] => names.filter((name) => isStaged("default", name));
  const before = Date.now() - 86_400_000;
  blobs.sweepStaged(before, () => undefined);
  assert.deepEqual(left(), names, "it cannot be told which are called for");
  blobs.sweepStaged(before, () => new Set([names[2]!]));
  assert.deepEqual(left(), [names[0], names[2], names[3]]);
  blobs.sweepStaged(Date.now() + 1_000, () => new Set());
  assert.deepEqual(left(), []);
  blobs.sweepStaged(Date.now() + 1_000, () => assert.fail("there is nothing to ask for"));
});
