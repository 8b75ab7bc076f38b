import assert from "node:assert/strict";
import { chmodSync, existsSync, lchownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "../../base/log.ts";
import { makeSocketDirectories, makeSocketDirectory } from "./socket-directory.ts";

const asRoot = { skip: process.getuid!() !== 0 && "needs root" };
const owner = { uid: 4711, gid: 4712 };

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "socket-directory-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("missing directories are made, reachable for all whatever the umask; existing ones stay as they are", (t) => {
  const run = place(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  assert.deepEqual(makeSocketDirectory(join(run, "cyrus/socket/lmtp")), [
    join(run, "cyrus"),
    join(run, "cyrus/socket"),
  ]);
  for (const name of ["cyrus", "cyrus/socket"]) assert.equal(statSync(join(run, name)).mode & 0o777, 0o755);
  chmodSync(join(run, "cyrus/socket"), 0o750);
  assert.deepEqual(makeSocketDirectory(join(run, "cyrus/socket/lmtp")), []);
  assert.equal(statSync(join(run, "cyrus/socket")).mode & 0o777, 0o750);
});

test(
  "root gives all that it makes to the user it becomes, and makes nothing inside what is the user's",
  asRoot,
  (t) => {
    const run = place(t);
    makeSocketDirectory(join(run, "cyrus/socket/lmtp"), owner);
    for (const name of ["cyrus", "cyrus/socket"]) {
      const { uid, gid, mode } = statSync(join(run, name));
      assert.deepEqual({ uid, gid, mode: mode & 0o777 }, { ...owner, mode: 0o755 });
    }
    assert.throws(() => makeSocketDirectory(join(run, "cyrus/other/lmtp"), owner), /belongs to user 4711/);
    const debug: string[] = [];
    const log = { ...silentLog, debug: (line: string) => void debug.push(line) };
    makeSocketDirectories([join(run, "cyrus/other/lmtp"), join(run, "more/lmtp")], owner, log);
    assert.equal(debug.length, 1);
    assert.equal(existsSync(join(run, "cyrus/other")), false);
    assert.equal(statSync(join(run, "more")).uid, owner.uid);
  },
);

test("nothing is made where others may put what they like", (t) => {
  const run = place(t);
  mkdirSync(join(run, "open"));
  chmodSync(join(run, "open"), 0o777);
  assert.throws(() => makeSocketDirectory(join(run, "open/a/lmtp")), /others may write .*\/open/);
  assert.throws(() => makeSocketDirectory(join(run, "open/a/b/lmtp")), /others may write .*\/open/);
  chmodSync(join(run, "open"), 0o1777); // as /tmp
  assert.equal(makeSocketDirectory(join(run, "open/a/lmtp")).length, 1);
});

test("links of root or our own are followed, those of others and circles are not", (t) => {
  const run = place(t);
  mkdirSync(join(run, "real"));
  symlinkSync("real", join(run, "link"));
  symlinkSync("circle", join(run, "circle"));
  assert.deepEqual(makeSocketDirectory(join(run, "link/x/lmtp")), [join(run, "link/x")]);
  assert.ok(existsSync(join(run, "real/x")));
  assert.throws(() => makeSocketDirectory(join(run, "circle/x/lmtp")), /ELOOP|too many symbolic links/);
  if (process.getuid!() !== 0) return;
  lchownSync(join(run, "link"), owner.uid, owner.gid);
  assert.throws(() => makeSocketDirectory(join(run, "link/y/lmtp")), /link belongs to user 4711/);
  assert.equal(existsSync(join(run, "real/y")), false);
});
