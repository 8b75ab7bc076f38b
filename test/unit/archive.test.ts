/** Archive partitions: what goes there at once, what cyr_expire -A moves, and that everything else works on what is there. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { MboxName } from "../../src/formats/ids.ts";
import { programCaller, takeIn } from "../../src/ops/index.ts";
import { AdminSite, message, ownerOf } from "./admin-site.ts";

const FLAGGED = 2;
const DAY = 86_400;

/** With archives for both partitions; messages of more than 2 KiB go there at once. */
function archiveSite(t: TestContext, more = ""): AdminSite {
  const site = new AdminSite(t);
  const { dir } = site;
  appendFileSync(
    site.imapdConf,
    `partition-second: ${dir}/second\narchivepartition-default: ${dir}/archive\narchivepartition-second: ${dir}/archive2\n` +
      `archive_enabled: yes\narchive_maxsize: 2\ndefaultpartition: default\nexpunge_mode: delayed\n${more}`,
  );
  return site;
}

async function deliver(site: AdminSite, name: string, text: string, date: number, flags = 0): Promise<void> {
  await site.withMail(async (mail) => {
    const box = mail.view((snapshot) => snapshot.entry(name as MboxName))!.uniqueId;
    const { args, attachments } = takeIn(message(text), { seconds: date, nanos: 0 });
    const target = { box, flags: { system: flags, user: [] }, quota: "ignore" as const, needsPost: false };
    await mail.as(programCaller("t")).ask("messages.deliver", { message: args, targets: [target] }, attachments);
  });
}

/** Uids of the files below each of the roots. */
function files(site: AdminSite, uniqueId: string): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const root of ["spool", "archive", "second", "archive2"]) {
    const directory = join(site.dir, root, "uuid", uniqueId[0]!, uniqueId[1]!, uniqueId);
    const names = existsSync(directory) ? readdirSync(directory) : [];
    const uids = names.filter((file) => /^\d+\.$/.test(file)).map((file) => Number.parseInt(file, 10));
    if (uids.length > 0) found[root] = uids.sort((a, b) => a - b);
  }
  return found;
}

const now = (): number => Math.floor(Date.now() / 1000);

test("large and old messages are archived as they come, others when their time has come", async (t) => {
  const site = archiveSite(t, "archive_keepflagged: yes\n");
  await site.create("user.fred", "user.fred.A");
  await deliver(site, "user.fred", "small and new", now());
  await deliver(site, "user.fred", "x".repeat(3_000), now());
  await deliver(site, "user.fred", "small and old", now() - 8 * DAY);
  await deliver(site, "user.fred", "small, old and flagged", now() - 8 * DAY, FLAGGED);
  await deliver(site, "user.fred", "three days old", now() - 3 * DAY);
  await deliver(site, "user.fred", "y".repeat(3_000), now(), FLAGGED);
  const before = await site.state("user.fred");
  assert.deepEqual(files(site, before.uniqueId), { spool: [1, 4, 5], archive: [2, 3, 6] });
  const rows = site.query("SELECT * FROM mailbox");
  const quota = site.query("SELECT * FROM quota");

  const run = site.run("expire", "-A", "2d", "-v");
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stderr, /Expired 0 and expunged 0 out of 6 messages from 2 mailboxes/);
  assert.match(run.stderr, /Archived 1 messages/);
  assert.deepEqual(files(site, before.uniqueId), { spool: [1, 4], archive: [2, 3, 5, 6] });
  assert.deepEqual(await site.state("user.fred"), before, "nothing that clients see has changed");
  assert.deepEqual(site.query("SELECT * FROM mailbox"), rows);
  assert.deepEqual(site.query("SELECT * FROM quota"), quota);

  await site.withMail((mail) =>
    mail.as(ownerOf("user.fred")).ask("messages.store-flags", {
      box: mail.view((snapshot) => snapshot.entry("user.fred" as MboxName))!.uniqueId,
      uids: [{ first: 4, last: 4 }],
      mode: "remove",
      flags: { system: FLAGGED, user: [] },
    }),
  );
  site.run("expire", "-A", "2d");
  assert.deepEqual(files(site, before.uniqueId), { spool: [1], archive: [2, 3, 4, 5, 6] });
  assert.deepEqual(readdirSync(join(site.dir, "archive/stage.")), [], "no copy is left over");
  assert.equal(site.run("reconstruct", "-r").stdout, "user/fred\nuser/fred/A\n", "cyr_reconstruct finds nothing");
});

test("archived messages are copied, moved, expunged, deleted and change partition", async (t) => {
  const site = archiveSite(t, "delete_mode: immediate\n");
  await site.create("user.fred", "user.fred.A");
  for (const text of ["one", "two", "three"]) await deliver(site, "user.fred", text, now() - 30 * DAY);
  await deliver(site, "user.fred", "four", now());
  const idOf = async (name: string): Promise<string> => (await site.state(name)).uniqueId;
  const [inbox, a] = [await idOf("user.fred"), await idOf("user.fred.A")];
  const texts = async (name: string): Promise<string[]> =>
    Object.values((await site.state(name)).messages).map(({ octets }) => octets.trimEnd().split("\r\n").at(-1)!);
  assert.deepEqual(files(site, inbox), { spool: [4], archive: [1, 2, 3] });

  await site.withMail(async (mail) => {
    const box = (name: string) => mail.view((snapshot) => snapshot.entry(name as MboxName))!.uniqueId;
    const fred = mail.as(ownerOf("user.fred"));
    await fred.ask("messages.copy", { from: box("user.fred"), uids: [{ first: 1, last: 4 }], to: box("user.fred.A") });
    await fred.ask("messages.move", { from: box("user.fred"), uids: [{ first: 1, last: 1 }], to: box("user.fred.A") });
  });
  assert.deepEqual(files(site, a), { spool: [4], archive: [1, 2, 3, 5] });
  assert.deepEqual(await texts("user.fred.A"), ["one", "two", "three", "four", "one"]);
  const archived = (uid: number): string => join(site.dir, "archive/uuid", a[0]!, a[1]!, a, `${uid}.`);
  assert.equal(statSync(archived(2)).nlink, 2, "a copy is a link");

  await site.expunge("user.fred", [2, 4]);
  assert.match(site.run("expire", "-X", "0s", "-v").stderr, /expunged 3 out of/);
  await site.withMail((mail) => mail.settle());
  assert.deepEqual(files(site, inbox), { archive: [3] }, "files go in both places");

  const rename = { from: "user.fred.A" as MboxName, to: "user.fred.A" as MboxName, partition: "second" };
  await site.withMail((mail) => mail.as(programCaller("t")).ask("mailboxes.rename", rename));
  assert.deepEqual(files(site, a), { second: [4], archive2: [1, 2, 3, 5] });
  assert.deepEqual(await texts("user.fred.A"), ["one", "two", "three", "four", "one"]);
  await site.withMail((mail) =>
    mail.as(programCaller("t")).ask("mailboxes.delete", { name: "user.fred.A" as MboxName, local: true }),
  );
  assert.deepEqual(files(site, a), {});
  assert.equal(site.run("reconstruct", "-r").stdout, "user/fred\n");
});

test("an annotation decides for its mailbox, and deleted mailboxes are archived as a whole", async (t) => {
  const site = archiveSite(t, "delete_mode: delayed\n");
  await site.create("user.fred", "user.fred.A", "user.fred.B", "user.fred.C");
  const names = ["user.fred", "user.fred.A", "user.fred.B", "user.fred.C"];
  for (const name of names) await deliver(site, name, "three days old", now() - 3 * DAY);
  const ids = await Promise.all(names.map(async (name) => (await site.state(name)).uniqueId));
  const sql = "INSERT INTO annotation(uniqueid, uid, entry, userid, value, modseq) VALUES (?,0,?,'',?,1)";
  site.sql(sql, ids[1]!, "/vendor/cmu/cyrus-imapd/archive", Buffer.from("1d"));
  site.sql(sql, ids[2]!, "/vendor/cmu/cyrus-imapd/archive", Buffer.from("0"));
  await site.withMail((mail) => mail.as(ownerOf("user.fred")).ask("mailboxes.delete", { name: names[3] as MboxName }));
  site.run("expire", "-A", "5d");
  const places = (): string[][] => ids.map((id) => Object.keys(files(site, id)));
  assert.deepEqual(places(), [["spool"], ["archive"], ["spool"], ["archive"]]);
  site.run("expire", "-A", "2d", "-a");
  assert.deepEqual(places(), [["archive"], ["archive"], ["archive"], ["archive"]]);
});

test("what has been archived can be read when archive_enabled is off, and an archive that is the spool takes nothing", async (t) => {
  const site = archiveSite(t);
  await site.create("user.fred");
  await deliver(site, "user.fred", "old", now() - 30 * DAY);
  const before = await site.state("user.fred");
  writeFileSync(
    site.imapdConf,
    readFileSync(site.imapdConf, "utf8").replace("archive_enabled: yes", "archive_enabled: no"),
  );
  assert.deepEqual(await site.state("user.fred"), before);
  await deliver(site, "user.fred", "old, too", now() - 30 * DAY);
  assert.deepEqual(files(site, before.uniqueId), { spool: [2], archive: [1] });
  assert.match(site.run("expire", "-A", "1d", "-v").stderr, /archive_enabled is off/);

  const other = archiveSite(t);
  await other.create("user.fred");
  await deliver(other, "user.fred", "new", now());
  symlinkSync(other.spool, join(other.dir, "archive.same"));
  writeFileSync(
    other.imapdConf,
    readFileSync(other.imapdConf, "utf8").replace(`${other.dir}/archive\n`, `${other.dir}/archive.same\n`),
  );
  const state = await other.state("user.fred");
  assert.equal(other.run("expire", "-A", "0s").status, 0);
  assert.deepEqual(await other.state("user.fred"), state);
});

test("cyr_reconstruct finds files in both places, and brings everything back without a database", async (t) => {
  const site = archiveSite(t);
  await site.create("user.fred");
  await deliver(site, "user.fred", "old", now() - 30 * DAY);
  await deliver(site, "user.fred", "new", now());
  const before = await site.state("user.fred");
  const id = before.uniqueId;
  const path = (root: string, uid: number): string => join(site.dir, root, "uuid", id[0]!, id[1]!, id, `${uid}.`);
  assert.equal(site.run("cyrusdb", "-c").status, 0);

  renameSync(path("archive", 1), path("spool", 1));
  renameSync(path("spool", 2), path("archive", 2));
  assert.deepEqual(await site.state("user.fred"), before, "reading looks in both places");
  const told = "user/fred uid 1 found in the spool\nuser/fred uid 2 found in the archive\nuser/fred\n";
  assert.equal(site.run("reconstruct").stdout, told);
  assert.equal(site.run("reconstruct").stdout, "user/fred\n");
  await deliver(site, "user.fred", "x".repeat(5_000), now());
  writeFileSync(path("archive", 9), message("put there by hand"));
  assert.match(site.run("reconstruct").stdout, /uid 9 found - adding/);
  const texts = Object.values((await site.state("user.fred")).messages).map(({ octets }) => octets.slice(-19));
  assert.deepEqual([texts.length, texts.at(-1)], [4, "put there by hand\r\n"]);

  const whole = await site.state("user.fred");
  rmSync(join(site.dir, "conf/store"), { recursive: true });
  assert.match(site.run("reconstruct", "-P", "default").stdout, /discovered user\/fred/);
  const { messages } = await site.state("user.fred");
  const octets = (state: typeof messages): string[] => Object.values(state).map((one) => one.octets);
  assert.deepEqual(octets(messages), octets(whole.messages));
});

test("cache and header file go to the metapartition when metapartition_files says so", async (t) => {
  const site = archiveSite(t, "metapartition_files: header cache\n");
  appendFileSync(site.imapdConf, `metapartition-default: ${site.dir}/meta\n`);
  await site.create("user.fred");
  await deliver(site, "user.fred", "new", now());
  const { uniqueId: id } = await site.state("user.fred");
  const names = (root: string): string[] => {
    const directory = join(site.dir, root, "uuid", id[0]!, id[1]!, id);
    return existsSync(directory) ? readdirSync(directory).sort() : [];
  };
  assert.deepEqual([names("spool"), names("meta")], [["1."], ["pasargad.cache.1", "pasargad.header"]]);
  assert.equal(site.run("reconstruct").stdout, "user/fred\n");
  rmSync(join(site.dir, "conf/store"), { recursive: true });
  assert.match(site.run("reconstruct", "-P", "default").stdout, /discovered user\/fred/);
  await site.withMail((mail) =>
    mail.as(programCaller("t")).ask("mailboxes.delete", { name: "user.fred" as MboxName, local: true }),
  );
  assert.deepEqual([names("spool"), names("meta")], [[], []]);
});
