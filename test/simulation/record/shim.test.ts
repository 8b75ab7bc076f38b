import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { keepAll } from "../disk/choice.ts";
import { DiskModel, treeDigest } from "../disk/disk-model.ts";
import { readTree, scratchDirectory } from "../disk/tree.ts";
import { readLog, type Operation } from "./log.ts";
import { shimEnvironment, type ShimRule } from "./shim.ts";

const scratch = scratchDirectory("shim");
const root = join(scratch, "root");
const log = join(scratch, "log");
const ack = join(scratch, "acks");
after(() => rmSync(scratch, { recursive: true, force: true }));

function memory(path: string): boolean {
  return path.endsWith("-shm");
}
interface Run {
  readonly operations: readonly Operation[];
  readonly stdout: string;
  readonly signal: string | null;
}
/** Runs a piece of JavaScript under the shim, with `fs`, `root`, `ack` and `attempt` (prints the error code) in scope. */
function run(code: string, rules: readonly ShimRule[] = []): Run {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const prelude = `import fs from "node:fs"; import { createRequire } from "node:module";
    const require = createRequire(${JSON.stringify(import.meta.filename)});
    const root = ${JSON.stringify(root)}, ack = ${JSON.stringify(ack)};
    const attempt = (fn) => { try { console.log("ok", fn() ?? ""); } catch (e) { console.log(e.code ?? e.message); } };\n`;
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", prelude + code],
    {
      env: { ...process.env, ...shimEnvironment({ root, log, ack, rules }) },
      encoding: "utf8",
      cwd: scratch,
    },
  );
  if (signal === null) assert.equal(status, 0, stderr);
  return { operations: readLog(log), stdout, signal };
}
/** "create a; write a 3; fsync a": what was recorded, without syncs' ends. */
function story(operations: readonly Operation[]): string {
  const names = new Map<number, string>();
  const parts = operations.flatMap((operation) => {
    switch (operation.kind) {
      case "create":
      case "link":
        names.set(operation.ino, operation.path);
        return `${operation.kind} ${operation.path}`;
      case "write":
        return `write ${names.get(operation.ino)} ${operation.offset}+${operation.data.length}`;
      case "truncate":
        return `truncate ${names.get(operation.ino)} ${operation.sizeOctets}`;
      case "rename":
        names.set(operation.ino, operation.to);
        return `rename ${operation.path} ${operation.to}`;
      case "syncBegin":
        return `${operation.call}${operation.dropped ? " (dropped)" : ""} ${operation.path}`;
      case "syncEnd":
        return operation.errno === 0 ? [] : `failed ${operation.errno}`;
      case "ack":
        return `ack ${operation.text.trimEnd()}`;
      case "failed":
        return `failed ${operation.call} ${operation.path} ${operation.errno}`;
      default:
        return `${operation.kind} ${operation.path}`;
    }
  });
  return parts.join("; ");
}

test("every way to change a file is recorded, in order with the acknowledgements", () => {
  const { operations } = run(`
    const file = root + "/a", fd = fs.openSync(file, "w");
    fs.writeSync(fd, "abc"); fs.writevSync(fd, [Buffer.from("de"), Buffer.from("f")]); fs.writeSync(fd, "X", 10);
    fs.writevSync(fd, [Buffer.from("yz")], 1); fs.ftruncateSync(fd, 5); fs.fdatasyncSync(fd); fs.fsyncSync(fd);
    fs.writeSync(fs.openSync(ack, "a"), "one\\n");
    fs.appendFileSync(file, "tail"); fs.truncateSync(file, 2); fs.linkSync(file, root + "/b"); fs.renameSync(file, root + "/c");
    fs.mkdirSync(root + "/d/e", { recursive: true }); fs.copyFileSync(root + "/b", root + "/d/f");
    process.chdir(root + "/d"); fs.unlinkSync("../b"); fs.rmSync(root + "/d", { recursive: true });
    fs.writeFileSync(root + "/c", "new"); fs.writeFileSync(${JSON.stringify(scratch)} + "/elsewhere", "unseen");
  `);
  assert.equal(
    story(operations.filter(({ kind }) => kind !== "failed")),
    "create a; write a 0+3; write a 3+3; write a 10+1; write a 1+2; truncate a 5; fdatasync a; fsync a; ack one; " +
      "write a 5+4; truncate a 2; link b; rename a c; mkdir d; mkdir d/e; create d/f; truncate d/f 0; write d/f 0+2; unlink b; " +
      "unlink d/f; rmdir d/e; rmdir d; truncate c 0; write c 0+3",
  );
});

test("replaying a recording gives the directory as it is, for SQLite, promises and foreign functions", () => {
  const { operations } = run(`
    import { DatabaseSync } from "node:sqlite";
    const db = new DatabaseSync(root + "/x.db");
    db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(a)");
    const insert = db.prepare("INSERT INTO t VALUES(?)");
    for (let i = 0; i < 50; i++) insert.run("x".repeat(i * 20));
    db.exec("PRAGMA wal_checkpoint(RESTART)");
    for (let i = 0; i < 9; i++) insert.run(i);
    await Promise.all([1, 2, 3].map((i) => fs.promises.writeFile(root + "/p" + i, "x".repeat(i * 1000), { flush: true })));
    const koffi = require("koffi"), libc = koffi.load("libc.so.6");
    const syncfs = libc.func("int syncfs(int)"), mkdir = libc.func("int mkdir(const char *, uint)");
    const fd = fs.openSync(root, "r");
    mkdir(root + "/made", 0o700); syncfs(fd); await new Promise((done) => syncfs.async(fd, done)); fs.fsyncSync(fd);
    process.kill(process.pid, "SIGKILL");
  `);
  const syncs = operations.filter((operation) => operation.kind === "syncBegin" && operation.path === "");
  assert.deepEqual(syncs.map((operation) => operation.kind === "syncBegin" && operation.call).slice(-3), [
    "syncfs",
    "syncfs",
    "fsync",
  ]);
  const there = readTree(root);
  const model = new DiskModel(there.slice(0, 1), { exclude: memory });
  for (const operation of operations) model.apply(operation);
  const found = there.slice(1).filter(({ path }) => !memory(path));
  assert.equal(treeDigest(model.afterCut(keepAll)), treeDigest(found));
});

test("calls fail as the rules say, and the failure is in the log", () => {
  const { operations, stdout } = run(
    `const fd = fs.openSync(root + "/a.log", "w");
     for (let i = 0; i < 4; i++) attempt(() => fs.writeSync(fd, "abcd"));
     attempt(() => fs.fsyncSync(fd)); attempt(() => fs.fsyncSync(fd)); attempt(() => fs.fdatasyncSync(fd));
     attempt(() => fs.writeFileSync(root + "/other", "x")); attempt(() => fs.mkdirSync(root + "/d"));
     attempt(() => fs.renameSync(root + "/other", root + "/o2"));`,
    [
      { action: "fail", calls: ["write"], path: "*.log", nth: 2, error: "ENOSPC" },
      { action: "short", calls: ["write"], path: "*.log", nth: 4 },
      { action: "fail", calls: ["fsync"], error: "EIO" },
      { action: "drop", calls: ["fdatasync"], times: 0 },
      { action: "fail", calls: ["mkdir", "rename"], times: 0, error: "EROFS" },
    ],
  );
  assert.equal(stdout.replaceAll(/\s+/g, " "), "ok 4 ENOSPC ok 4 ok 4 EIO ok ok ok EROFS EROFS ");
  assert.match(
    story(operations),
    /write a\.log 4\+4; write a\.log 8\+2; write a\.log 10\+2; fsync a\.log; failed 5; fsync a\.log; fdatasync \(dropped\)/,
  );
});

test("the process is killed in place of a call", () => {
  const { operations, signal } = run(`for (let i = 0; i < 9; i++) fs.writeFileSync(root + "/" + i, "x");`, [
    { action: "kill", calls: ["write"], nth: 3 },
  ]);
  assert.equal(signal, "SIGKILL");
  assert.equal(operations.filter(({ kind }) => kind === "write").length, 2);
  assert.equal(readFileSync(join(root, "2"), "utf8"), "");
});

test("several processes write one log, each operation whole and in order", () => {
  const { operations } = run(`
    import { spawn } from "node:child_process";
    const code = (n) => 'for (let i = 0; i < 200; i++) require("node:fs").appendFileSync(' + JSON.stringify(root + "/shared") + ', "' + n + '".repeat(50))';
    await Promise.all([1, 2].map((n) => new Promise((done) => spawn(process.execPath, ["-e", code(n)]).on("close", done))));
  `);
  const model = new DiskModel(readTree(root).slice(0, 1));
  for (const operation of operations) model.apply(operation);
  assert.equal(treeDigest(model.afterCut(keepAll)), treeDigest(readTree(root).slice(1)));
  assert.equal(operations.filter(({ kind }) => kind === "write").length, 400);
});
