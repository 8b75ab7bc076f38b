import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "../../base/log.ts";
import type { MboxName } from "../../formats/ids.ts";
import { type Database, openWriter } from "../database.ts";
import { readHeader } from "../mailbox-header.ts";
import { appendMessage, copyMessage, type IncomingMessage, type MessageBox, userFlagBits } from "./append.ts";
import { GroupEngine, type VerbFunction } from "./group.ts";
import type { Answer } from "./replies.ts";
import { beginHidden, showHidden } from "./hidden.ts";
import { Tx } from "./tx.ts";

const noFlags = { system: 0, user: [0, 0, 0, 0] as const };
const box = (tx: Tx, name: string): MessageBox => tx.entry(name as MboxName) as MessageBox;

function message(octets: Uint8Array): IncomingMessage {
  const guid = createHash("sha1").update(octets).digest();
  const dates = { internalDate: 1_700_000_000, internalDateNanos: 0, sentDate: 1, gmTime: 1 };
  const sizes = { sizeOctets: octets.length, headerSizeOctets: 1 };
  return { ...dates, ...sizes, guid, cacheVersion: 1, cache: Buffer.alloc(0), content: { octets } };
}

/** One slice takes longer than a group may: what comes after it is in the next group. */
function passTime(): void {
  const end = performance.now() + 10;
  while (performance.now() < end);
}

const verbs = new Map<string, VerbFunction>([
  [
    "create",
    (tx, args) => {
      const name = args as MboxName;
      const uniqueId = tx.newUniqueId();
      const [uidValidity, createdModseq] = [tx.nextUidValidity(name), tx.nextFolderModseq(name)];
      const { header } = tx.createMailbox({ name, uniqueId, uidValidity, createdModseq, options: "P" });
      const entry = { name, uniqueId, mbox: header.mbox, uidValidity, createdModseq, folderModseq: createdModseq };
      const rest = { type: "e", partition: "default", server: "", acl: "", mtime: 0, specialUse: "", history: [] };
      tx.putEntry({ ...entry, ...rest });
      return header.mbox;
    },
  ],
  ["append", (tx, args) => appendMessage(tx, box(tx, "user.a"), message(Buffer.alloc(args as number, "x")), noFlags)],
  [
    "copy",
    function* (tx) {
      const [from, to] = [box(tx, "user.a"), box(tx, "user.b")];
      const intent = beginHidden(tx, { mbox: to.mbox, first: 1, last: 2 });
      const user = userFlagBits(tx, tx.mailbox(to.mbox), ["$Copied"])!;
      for (const uid of [1, 2]) {
        copyMessage(tx, from, tx.mailbox(from.mbox).coldRow(uid)!, to, uid, { system: 0, user });
        passTime();
        yield;
      }
      showHidden(tx, intent, to.mbox, 2);
      return "copied";
    },
  ],
]);

interface Fixture {
  readonly db: Database;
  readonly engine: GroupEngine;
  ask(client: string, verb: string, args?: unknown): Promise<Answer>;
}

function fixture(t: TestContext): Fixture {
  const directory = mkdtempSync(join(tmpdir(), "group-"));
  const db = openWriter(join(directory, "0.db"));
  db.sqlite.exec("PRAGMA synchronous=OFF");
  const tx = new Tx(db, { partitions: new Map(), conversations: false, deletedPrefix: "DELETED" });
  const hooks = {
    refusalOf: () => undefined,
    published: () => {},
    filesWanted: () => {},
    fatal: (error: unknown) => assert.fail(String(error)),
  };
  const engine = new GroupEngine(tx, verbs, hooks, silentLog);
  t.after(() => {
    engine.stop();
    db.close();
    rmSync(directory, { recursive: true });
  });
  let id = 0;
  return {
    db,
    engine,
    ask: (client, verb, args) =>
      new Promise((answer) => {
        engine.submit({ client, id: ++id, verb, args, octets: [], caller: undefined, confirmed: 0, answer });
      }),
  };
}

test("a full disk takes back work that waits between two slices, whoever filled it", async (t) => {
  const { db, ask } = fixture(t);
  for (const name of ["user.a", "user.b"]) await ask("one", "create", name);
  for (let n = 0; n < 2; n++) await ask("one", "append", 100);
  const copying = ask("one", "copy");
  const pages = db.get("PRAGMA page_count")![0] as number;
  db.sqlite.exec(`PRAGMA max_page_count=${pages + 4}`);
  const large = ask("two", "append", 1 << 20);
  assert.deepEqual(await Promise.all([copying, large]), [
    { refusal: { code: "diskFull" } },
    { refusal: { code: "diskFull" } },
  ]);
  db.sqlite.exec("PRAGMA max_page_count=1000000");
  assert.deepEqual(await ask("two", "append", 100), { result: 3 });
  const { exists, sizeOctets, lastUid } = readHeader(db, 2)!;
  assert.deepEqual({ exists, sizeOctets, lastUid }, { exists: 0, sizeOctets: 0, lastUid: 2 });
  assert.equal(db.get("SELECT count(*) FROM hot WHERE id>=?", 2 * 2 ** 27)![0], 0);
  assert.equal(db.get("SELECT count(*) FROM intent")![0], 0);
});

test("a mailbox's header file is due again when hidden rows with new flag names are shown", async (t) => {
  const { db, ask } = fixture(t);
  for (const name of ["user.a", "user.b"]) await ask("one", "create", name);
  for (let n = 0; n < 2; n++) await ask("one", "append", 100);
  const before = db.get("SELECT version FROM header_due WHERE mbox=2")![0] as number;
  assert.deepEqual(await ask("one", "copy"), { result: "copied" });
  assert.deepEqual(readHeader(db, 2)!.flagNames, ["$Copied"]);
  // One when the names came, and one when they got into the stored header.
  assert.ok((db.get("SELECT version FROM header_due WHERE mbox=2")![0] as number) >= before + 2);
});

test("numbers of pending rows that were taken back hold nobody up", async (t) => {
  const { db, engine, ask } = fixture(t);
  await ask("one", "create", "user.a");
  db.run("INSERT INTO pending(seq, mbox, uid, uniqueid, partition, size, guid) VALUES (1,1,1,'','',0,x'00')");
  // As after an undone copy of a large mailbox.
  (engine as unknown as { tx: { nextPendingSeq: number } }).tx.nextPendingSeq = 50_000;
  engine.filesDone({ pendingSeq: 1, doomed: [], headers: [] });
  assert.deepEqual(await ask("one", "append", 100), { result: 1 });
});
