import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openWriter } from "../../../store/database.ts";
import { databasePath } from "../../../store/index.ts";
import { name, SHARDS, ShardedSite, userIn } from "../../transfer/site.fixture.ts";
import { MaintenanceReader } from "../reader.ts";
import { type RowFiles, rowsPath } from "./format.ts";
import { CheckpointReader } from "./read.ts";
import { writeCheckpoint } from "./write.ts";

const user = userIn(1);
const box = (part: string): string => `user.${user}${part === "" ? "" : `.${part}`}`;

class CheckpointSite {
  readonly store: ShardedSite;
  readonly reader: MaintenanceReader;

  constructor(t: TestContext) {
    this.store = new ShardedSite(["delete_mode: immediate"]);
    this.reader = new MaintenanceReader(this.store.config);
    t.after(async () => {
      this.reader.close();
      await this.store[Symbol.asyncDispose]();
    });
  }

  async fill(...parts: readonly string[]): Promise<void> {
    await this.store.create(...parts.map(box));
    for (const part of parts) await this.store.append(box(part), `in ${part}`);
  }

  rename(from: string, to: string): Promise<unknown> {
    return this.store.as(user).ask("mailboxes.rename", { from: name(box(from)), to: name(box(to)) });
  }

  /** Writes one. @returns files of rows by the last part of the mailbox's name, and how many mailboxes had theirs written */
  async write(): Promise<{ files: Record<string, readonly string[]>; changed: number; gone: string[] }> {
    const counts = await writeCheckpoint(this.reader, this.store.directory);
    const written = CheckpointReader.newest(this.store.directory)!;
    const files: Record<string, readonly string[]> = {};
    for (const { entry, rows } of written.mailboxes())
      if (rows) files[entry.name.split(".").slice(2).join(".")] = (rows as RowFiles).files;
    for (const file of Object.values(files).flat()) assert.ok(this.exists(file), file);
    return { files, changed: counts!.changed, gone: written.goneFiles().sort() };
  }

  exists(file: string): boolean {
    return existsSync(rowsPath(this.store.directory, file));
  }
}

test("rows are written once, found again under another name on either side, and removed two generations after the mailbox", async (t) => {
  const site = new CheckpointSite(t);
  await site.fill("", "b", "d", "f", "h");
  const first = await site.write();
  assert.equal(first.changed, 5);
  assert.deepEqual(Object.keys(first.files).sort(), ["", "b", "d", "f", "h"]);
  // One goes before its old place in the list, one behind it, one goes for good, one comes under the name of one that went, one changes.
  await site.rename("d", "a");
  await site.rename("f", "z");
  await site.store.as(user).ask("mailboxes.delete", { name: name(box("h")) });
  await site.fill("d");
  await site.store.append(box("b"), "more");
  const second = await site.write();
  assert.equal(second.changed, 2);
  assert.deepEqual(second.files["a"], first.files["d"]);
  assert.deepEqual(second.files["z"], first.files["f"]);
  assert.deepEqual(second.files[""], first.files[""]);
  assert.deepEqual([second.files["b"]!.slice(0, 1), second.files["b"]!.length], [first.files["b"], 2]);
  assert.notDeepEqual(second.files["d"], first.files["d"]);
  assert.deepEqual(second.gone, [...first.files["h"]!]);
  assert.ok(
    second.gone.every((file) => site.exists(file)),
    "the generation before refers to it",
  );
  const third = await site.write();
  assert.deepEqual([third.changed, third.gone, third.files], [0, [], second.files]);
  assert.ok(!second.gone.some((file) => site.exists(file)));
});

test("tables are read in short pieces, each row once and in order", async (t) => {
  const site = new CheckpointSite(t);
  await site.fill("");
  await site.store.mail.close();
  const db = openWriter(databasePath(join(site.store.directory, "store"), 1), { shard: 1, shards: SHARDS });
  const row = "INSERT INTO seen(userid, uniqueid, last_read, recent_uid, last_change, uids) VALUES (?,?,0,0,0,'1:9')";
  db.sqlite.exec("BEGIN");
  for (let n = 0; n < 1_001; n++) db.run(row, `user${String(n % 7)}`, `box${String(n).padStart(5, "0")}`);
  db.sqlite.exec("COMMIT");
  db.close();
  site.store.open();
  let most = 0;
  for (const one of site.reader.dbs) {
    const prepare = one.prepare.bind(one);
    one.prepare = (sql) => Object.assign(prepare(sql), { iterate: () => assert.fail("a read as long as the table") });
    const all = one.all.bind(one);
    one.all = (sql, ...values) => {
      const rows = all(sql, ...values);
      most = Math.max(most, rows.length);
      return rows;
    };
  }
  await site.write();
  const seen = [...CheckpointReader.newest(site.store.directory)!.table("seen")];
  const keys = seen.map(({ userid, uniqueid }) => `${String(userid)} ${String(uniqueid)}`);
  assert.equal(new Set(keys).size, 1_001);
  assert.deepEqual(keys, [...keys].sort());
  assert.ok(most <= 500, `${most} rows at a time`);
});
