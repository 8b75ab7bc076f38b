import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { type Log, silentLog } from "../../base/log.ts";
import { DuplicateDatabase, EphemeralDatabase, type EphemeralOptions } from "./index.ts";

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-ephemeral-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "run/deliver.db");
}

const key = { id: "<a@b>", recipient: "box", date: "Mon, 1 Jan 2024 00:00:00 +0000" };

function open(t: TestContext, path: string): DuplicateDatabase {
  const database = new DuplicateDatabase(path, silentLog);
  t.after(() => database.close());
  return database;
}

test("is made with its directory when first used; nobody else may read it", (t) => {
  const path = place(t);
  const database = open(t, path);
  assert.equal(existsSync(path), false);
  assert.equal(database.find(key), undefined);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  database.mark([{ ...key, at: 1_000, uid: 7 }]);
  assert.equal(database.find(key), 1_000);
  for (const other of [{ id: "<c@d>" }, { recipient: "other" }, { date: "" }])
    assert.equal(database.find({ ...key, ...other }), undefined);
});

test("two processes share it", (t) => {
  const path = place(t);
  const [one, two] = [open(t, path), open(t, path)];
  one.mark([{ ...key, at: 1, uid: 1 }]);
  assert.equal(two.find(key), 1);
  two.mark([{ ...key, at: 2, uid: 1 }]);
  assert.equal(one.find(key), 2);
});

test("prunes by time, dumps by id", (t) => {
  const database = open(t, place(t));
  database.mark([1, 2, 3].map((at) => ({ ...key, id: `<${at}@x>`, at, uid: at })));
  assert.deepEqual(database.prune(3), { seen: 3, removed: 2 });
  assert.deepEqual(database.dump(), [{ ...key, id: "<3@x>", at: 3, uid: 3 }]);
});

test("what is not ours is kept as NAME.old", (t) => {
  const path = place(t);
  const first = open(t, path);
  first.find(key);
  first.close();
  for (const content of ["\xa1\x02\x8b\x0dtwoskip file\0\0\0\0 and more", "x".repeat(8_192)]) {
    rmSync(path, { force: true });
    writeFileSync(path, content, "latin1");
    const database = open(t, path);
    database.mark([{ ...key, at: 1, uid: 1 }]);
    assert.equal(database.find(key), 1);
    assert.equal(readFileSync(`${path}.old`, "latin1"), content);
    database.close();
  }
  rmSync(path);
  const foreign = new DatabaseSync(path);
  foreign.exec("CREATE TABLE other(x)");
  foreign.close();
  const database = open(t, path);
  assert.equal(database.find(key), undefined);
  database.close();
  assert.ok(existsSync(`${path}.old`));
});

test("a file that gets damaged fails once, and is made anew", (t) => {
  const path = place(t);
  const first = open(t, path);
  first.mark(Array.from({ length: 2_000 }, (_, n) => ({ ...key, id: `<${n}@x>`, at: n, uid: n })));
  first.close();
  const octets = readFileSync(path);
  octets.fill(0xff, 4_096);
  writeFileSync(path, octets);
  const database = open(t, path);
  assert.throws(() => database.dump());
  assert.deepEqual(database.dump(), []);
  assert.ok(existsSync(`${path}.old`));
});

test("the log of a foreign SQLite file is kept with it", (t) => {
  const path = place(t);
  mkdirSync(join(path, ".."));
  const foreign = new DatabaseSync(path);
  t.after(() => foreign.close());
  // Held open, it keeps what was written in its log.
  foreign.exec("PRAGMA journal_mode=WAL; CREATE TABLE other(x); INSERT INTO other VALUES (7)");
  assert.equal(open(t, path).find(key), undefined);
  const kept = new DatabaseSync(`${path}.old`);
  t.after(() => kept.close());
  assert.deepEqual(
    kept
      .prepare("SELECT x FROM other")
      .all()
      .map((row) => Object.values(row)),
    [[7]],
  );
});

function ephemeral(t: TestContext, more: Partial<EphemeralOptions> = {}): EphemeralDatabase {
  const database = new EphemeralDatabase({
    path: place(t),
    applicationId: 4711,
    version: 1,
    schema: "CREATE TABLE word(text TEXT NOT NULL)",
    log: silentLog,
    busyTimeoutMs: 0,
    ...more,
  });
  t.after(() => database.close());
  return database;
}

test("SQLite's errors name the file, once; those of the caller's work stay as they are", (t) => {
  const database = ephemeral(t);
  const { path } = database.options;
  const broken = (): unknown => database.transaction(() => database.run("INSERT INTO word VALUES (NULL)"));
  assert.throws(broken, (error: Error) => error.message.startsWith(`${path}: NOT NULL`));
  const mine = new Error("mine");
  assert.throws(() => database.transaction(() => raise(mine)), mine);
  assert.equal(mine.message, "mine");
  assert.equal(database.run("INSERT INTO word VALUES ('a')"), 1);
});

test("what fails after a fault goes to the log; the fault itself is what is thrown", (t) => {
  const told: string[] = [];
  const log: Log = { ...silentLog, err: (line) => void told.push(line) };
  const database = ephemeral(t, { log });
  const { path } = database.options;
  database.run("INSERT INTO word VALUES ('a')");
  database.close();
  const octets = readFileSync(path);
  octets.fill(0xff, 4_096);
  writeFileSync(path, octets);
  // Nothing can be renamed onto a directory.
  mkdirSync(join(`${path}.old`, "full"), { recursive: true });
  const use = (): unknown => database.transaction(() => database.all("SELECT * FROM word"));
  assert.throws(use, (error: Error) => error.message.startsWith(`${path}: database disk image is malformed`));
  assert.match(told.join("\n"), /EISDIR|ENOTEMPTY|EEXIST/);
});

test("a file that cannot be filled leaves no transaction and no lock behind", (t) => {
  const wrong = ephemeral(t, { schema: "CREATE TABLE word(text TEXT NOT NULL); CREATE nonsense" });
  const { path } = wrong.options;
  assert.throws(
    () => wrong.open(),
    (error: Error) => error.message.startsWith(`${path}: `),
  );
  assert.equal(ephemeral(t, { path }).run("INSERT INTO word VALUES ('a')"), 1);
});

function raise(error: Error): never {
  throw error;
}

/** Written by lmtpd of Cyrus 3.6.1: three messages to one mailbox. */
const cyrusFile = join(import.meta.dirname, "testdata/cyrus-deliver.db");
const cyrusMarks = [1, 2, 3].map((n) => ({
  id: `<${n}@b.example>`,
  date: `Mon, 7 Feb 2022 21:52:0${n} -0800`,
  uid: n,
}));
const shown = (database: DuplicateDatabase) => database.dump().map(({ id, date, uid }) => ({ id, date, uid }));

test("what a deliver.db of Cyrus's says is taken over: behind the first look, or at once in a program", async (t) => {
  const path = place(t);
  mkdirSync(join(path, ".."));
  copyFileSync(cyrusFile, path);
  const worker = open(t, path);
  assert.equal(worker.find(key), undefined);
  worker.mark([{ ...key, at: 5, uid: 9 }]);
  await worker.takenOver;
  const [first] = worker.dump();
  assert.equal(worker.find({ ...first!, recipient: "another" }), undefined);
  assert.ok(worker.find(first!)! > 1_700_000_000);
  assert.deepEqual(shown(worker), [...cyrusMarks, { id: key.id, date: key.date, uid: 9 }]);
  assert.deepEqual(readFileSync(`${path}.old`), readFileSync(cyrusFile));
  worker.close();
  assert.deepEqual(shown(open(t, path)).length, 4, "once");

  const other = place(t);
  mkdirSync(join(other, ".."));
  copyFileSync(cyrusFile, other);
  assert.deepEqual(open(t, other).prune(1_000), { seen: 3, removed: 0 });
});

test("of a damaged one what comes before the damage is taken over", (t) => {
  const path = place(t);
  mkdirSync(join(path, ".."));
  const octets = readFileSync(cyrusFile);
  octets[octets.indexOf("<3@b.example>")]! ^= 1;
  writeFileSync(path, octets);
  assert.deepEqual(shown(open(t, path)), cyrusMarks.slice(0, 2));
});
