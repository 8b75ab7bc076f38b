/** cyr_reconstruct after deliberate damage: what was whole before is there afterwards, under the same uids. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { MboxName } from "../../src/formats/ids.ts";
import { programCaller } from "../../src/ops/index.ts";
import { AdminSite, type MailboxState, message, ownerOf } from "./admin-site.ts";

const settled = { status: 0, stdout: "", stderr: "" };

/** fred with some mail, flags, and an expunged message; jane shares a mailbox. */
async function makeSite(t: TestContext): Promise<AdminSite> {
  const site = new AdminSite(t, "unixhierarchysep: yes");
  await site.create("user.fred", "user.fred.Work", "user.fred.Empty", "user.jane");
  await site.append("user.fred", ["one", "two"], 0x10, ["$Label1"]);
  await site.append("user.fred", ["three", "four", "five"], 0x02, ["$Label2"]);
  await site.append("user.fred.Work", ["w1", "w2"]);
  await site.append("user.jane", ["j1"]);
  await site.expunge("user.fred", [4]);
  await site.withMail((mail) =>
    mail.as(ownerOf("user.fred")).ask("acl.set", {
      name: "user.fred.Work" as MboxName,
      identifier: "jane",
      change: "replace",
      rights: "lrs",
    }),
  );
  assert.deepEqual(site.run("reconstruct", "-q"), settled, "all is well");
  return site;
}

const names = ["user.fred", "user.fred.Work", "user.fred.Empty", "user.jane"];

async function states(site: AdminSite): Promise<Record<string, MailboxState>> {
  const all: Record<string, MailboxState> = {};
  for (const name of names) all[name] = await site.state(name);
  return all;
}

/** After a repair a second run finds nothing. */
function isSettled(site: AdminSite): void {
  assert.deepEqual(site.run("reconstruct", "-q", "-G"), settled);
  assert.deepEqual(site.run("quota", "-f", "-q"), settled);
}

test("prints names, takes patterns and users, and exits 64 on bad usage", async (t) => {
  const site = await makeSite(t);
  assert.equal(site.run("reconstruct").stdout, "user/fred\nuser/fred/Empty\nuser/fred/Work\nuser/jane\n");
  assert.equal(site.run("reconstruct", "user/fred").stdout, "user/fred\n");
  assert.equal(site.run("reconstruct", "-r", "user/fred").stdout, "user/fred\nuser/fred/Empty\nuser/fred/Work\n");
  assert.equal(site.run("reconstruct", "user/%").stdout, "user/fred\nuser/jane\n");
  assert.equal(site.run("reconstruct", "-u", "jane").stdout, "user/jane\n");
  assert.deepEqual(site.run("reconstruct", "user/nobody"), settled);
  assert.equal(site.run("reconstruct", "-V", "max", "-k", "-g", "-M", "-I", "user/jane").status, 0);
  for (const args of [["-V", "7"], ["-Z"], ["-R", "-U"], ["-P", "/nowhere"]]) {
    assert.equal(site.run("reconstruct", ...args).status, 64, args.join(" "));
  }
});

test("wrong counts, block heads and a wrong quota use are counted anew", async (t) => {
  const site = await makeSite(t);
  await site.withMail((mail) => {
    const limits = { STORAGE: 1000, MESSAGE: null, "X-ANNOTATION-STORAGE": null, "X-NUM-FOLDERS": null };
    return mail.as(programCaller("t")).ask("quota.set", { root: "user.fred" as MboxName, limits });
  });
  const before = await states(site);
  site.sql(
    "UPDATE mailbox SET exists_count=77, unseen_count=3, size_octets=1, sync_crc=5, sync_crc_annot=6, expunged_count=0",
  );
  site.sql("UPDATE hot SET live_low=0, unseen=0, maxmodseq=1");
  site.sql("DELETE FROM guid");
  site.sql("UPDATE quota SET message_used=99");
  const dry = site.run("reconstruct", "-n", "user/fred");
  assert.match(dry.stdout, /^user\/fred exists 77, should be 4$/m);
  assert.match(dry.stdout, /^user\/fred 5 messages were missing in the guid index$/m);
  assert.equal((await site.state("user.fred")).counts["exists"], 77, "-n changes nothing");
  assert.equal(site.run("reconstruct").status, 0);
  assert.deepEqual(await states(site), before);
  isSettled(site);
});

test("a message whose file is gone is taken from another copy, or expunged", async (t) => {
  const site = await makeSite(t);
  await site.append("user.fred.Work", ["one"]); // the same octets as uid 1 of INBOX, in a file of their own
  const before = await states(site);
  rmSync(await site.messageFile("user.fred", 1));
  rmSync(await site.messageFile("user.fred", 3));
  const { stdout, status } = site.run("reconstruct", "user/fred");
  assert.equal(status, 0);
  assert.match(stdout, /^user\/fred uid 1 not found, taken from user\/fred\/Work uid 3$/m);
  assert.match(stdout, /^user\/fred uid 3 not found$/m);
  const after = await site.state("user.fred");
  const { 3: _gone, ...rest } = before["user.fred"]!.messages;
  assert.deepEqual(after.messages, rest);
  isSettled(site);
});

test("a message with other octets is told of, healed, renumbered or removed", async (t) => {
  const site = await makeSite(t);
  await site.append("user.fred.Work", ["one"]);
  const before = await site.state("user.fred");
  const spoil = async (uid: number): Promise<void> => {
    const path = await site.messageFile("user.fred", uid);
    const octets = readFileSync(path);
    rmSync(path);
    octets[octets.length - 4]! ^= 1;
    writeFileSync(path, octets);
  };
  await spoil(1);
  await spoil(2);
  await spoil(3);
  assert.doesNotMatch(site.run("reconstruct", "user/fred").stdout, /mismatch/, "only -G reads what has the right size");
  const told = site.run("reconstruct", "-G", "user/fred").stdout;
  assert.match(told, /uid 1 not found, taken from/);
  assert.match(told, /uid 2 guid mismatch/);
  assert.match(
    site.run("reconstruct", "-G", "-R", "user/fred").stdout,
    /uid 2 renumbered to 6\n.*uid 3 guid mismatch\n.*uid 3 renumbered to 7/,
  );
  const after = await site.state("user.fred");
  assert.deepEqual(Object.keys(after.messages), ["1", "5", "6", "7"]);
  assert.deepEqual(after.messages[1], before.messages[1]);
  assert.equal(after.messages[6]!.flags, before.messages[2]!.flags);
  isSettled(site);
  await spoil(5);
  assert.match(site.run("reconstruct", "-U", "user/fred").stdout, /uid 5 guid mismatch/);
  assert.deepEqual(Object.keys((await site.state("user.fred")).messages), ["1", "6", "7"]);
  isSettled(site);
});

for (const withCheckpoint of [true, false]) {
  test(`zeroed and cut blocks of rows ${withCheckpoint ? "with" : "without"} a checkpoint`, async (t) => {
    const site = await makeSite(t);
    const before = await states(site);
    if (withCheckpoint) assert.equal(site.run("cyrusdb", "-c").status, 0);
    for (const damage of [
      "UPDATE hot SET rows=zeroblob(length(rows))",
      "UPDATE cold SET rows=zeroblob(length(rows))",
      "UPDATE hot SET rows=substr(rows, 1, 48)",
      "UPDATE cold SET rows=substr(rows, 1, 200)",
      "DELETE FROM hot",
      "DELETE FROM cold",
    ]) {
      site.sql(damage);
      assert.equal(site.run("reconstruct").status, 0, damage);
      const after = await states(site);
      for (const name of names) {
        const [was, is] = [before[name]!, after[name]!];
        const isCold = / cold/.test(damage);
        for (const [uid, { octets, flags, user, date }] of Object.entries(was.messages)) {
          const found = is.messages[Number(uid)];
          assert.equal(found?.octets, octets, `${damage}: ${name} ${uid}`);
          if (withCheckpoint || isCold) assert.equal(found.flags, flags, `${damage}: flags of ${name} ${uid}`);
          if (withCheckpoint) assert.deepEqual([found.user, found.date], [user, date], damage);
        }
        if (withCheckpoint) assert.deepEqual(is.counts, was.counts, damage);
      }
      isSettled(site);
      if (!withCheckpoint) break;
    }
  });
}

test("one octet wrong in a block costs no row but its own", async (t) => {
  const site = await makeSite(t);
  const before = await site.state("user.fred");
  const mbox = (site.query("SELECT mbox FROM list WHERE name='user\x1ffred'")[0] as { mbox: number }).mbox;
  const [{ rows }] = site.query(`SELECT rows FROM cold WHERE id=${mbox * 2 ** 27}`) as [{ rows: Uint8Array }];
  rows[8 + 112 + 20]! ^= 0xff; // size of uid 2
  site.sql("UPDATE cold SET rows=? WHERE id=?", rows, mbox * 2 ** 27);
  const { stdout } = site.run("reconstruct", "user/fred");
  assert.match(stdout, /^user\/fred uid 1:31 records are damaged$/m);
  assert.match(stdout, /^user\/fred uid 2 record made from its message$/m);
  assert.doesNotMatch(stdout, /uid [1345] /);
  const after = await site.state("user.fred");
  for (const uid of [1, 3, 5]) assert.deepEqual(after.messages[uid], before.messages[uid]);
  assert.deepEqual({ ...after.messages[2], date: 0 }, { ...before.messages[2], date: 0 });
  isSettled(site);
});

test("header files that are missing, damaged or old are written anew", async (t) => {
  const site = await makeSite(t);
  const path = (directory: string): string => join(directory, "pasargad.header");
  const inbox = path(await site.directory("user.fred"));
  const work = path(await site.directory("user.fred.Work"));
  const [first, second] = [readFileSync(inbox), readFileSync(work)];
  rmSync(inbox);
  writeFileSync(work, second.subarray(0, 40));
  assert.match(site.run("reconstruct").stdout, /^user\/fred header file is missing or damaged$/m);
  assert.deepEqual([readFileSync(inbox), readFileSync(work)], [first, second]);
  isSettled(site);
});

test("a cache that is damaged or gone is made anew", async (t) => {
  const site = await makeSite(t);
  const before = await states(site);
  const path = join(await site.directory("user.fred"), "pasargad.cache.1");
  const octets = readFileSync(path);
  octets.fill(0, 10, 20);
  writeFileSync(path, octets);
  assert.equal(
    site.run("reconstruct", "user/fred").stdout,
    "user/fred uid 1 cache record is missing or damaged\nuser/fred\n",
  );
  isSettled(site);
  rmSync(path);
  assert.match(site.run("reconstruct", "user/fred").stdout, /cache file is missing\n/);
  assert.ok(existsSync(path.replace(/1$/, "2")));
  assert.deepEqual(await states(site), before);
  isSettled(site);
});

test("files without a row become messages, are left, or removed", async (t) => {
  const site = await makeSite(t);
  const before = await site.state("user.fred");
  const directory = await site.directory("user.fred");
  const odd = (name: string, text: string): void => writeFileSync(join(directory, name), message(text));
  site.run("expire", "-X", "0"); // uid 4 is gone for good
  odd("4.", "odd four");
  odd("9.", "odd nine");
  odd("notes", "no message");
  writeFileSync(join(directory, "12."), "");
  assert.match(site.run("reconstruct", "-o", "user/fred").stdout, /uid 4 found - ignoring\n.*uid 9 found - ignoring/);
  assert.match(site.run("reconstruct", "-n", "user/fred").stdout, /uid 4 found - would be added/);
  const { stdout } = site.run("reconstruct", "user/fred");
  assert.match(stdout, /uid 4 found - adding as uid 6\n.*uid 9 found - adding\n.*uid 12 found, but empty - ignoring/);
  const after = await site.state("user.fred");
  assert.deepEqual(Object.keys(after.messages), ["1", "2", "3", "5", "6", "9"]);
  assert.equal(after.messages[6]!.octets, message("odd four").toString());
  assert.equal(after.messages[9]!.octets, message("odd nine").toString());
  for (const [uid, was] of Object.entries(before.messages)) assert.deepEqual(after.messages[Number(uid)], was);
  assert.ok(existsSync(join(directory, "notes")));
  odd("7.", "odd seven");
  assert.match(site.run("reconstruct", "-O", "user/fred").stdout, /uid 7 found - removing/);
  assert.ok(!existsSync(join(directory, "7.")));
  assert.ok(!existsSync(join(directory, "12.")));
  isSettled(site);
});

test("expunged messages whose files are still there stay expunged", async (t) => {
  const site = await makeSite(t);
  assert.ok(existsSync(await site.messageFile("user.fred", 4)));
  assert.deepEqual(site.run("reconstruct", "-q"), settled);
  assert.equal((await site.state("user.fred")).counts["expunged"], 1);
});

for (const how of [["-P"], ["-r", "-f"]]) {
  test(`${how.join(" ")} brings everything back without a database, as of the last checkpoint`, async (t) => {
    const site = await makeSite(t);
    await site.withMail(async (mail) => {
      const limits = { STORAGE: 1000, MESSAGE: null, "X-ANNOTATION-STORAGE": null, "X-NUM-FOLDERS": null };
      await mail.as(programCaller("t")).ask("quota.set", { root: "user.fred" as MboxName, limits });
      const args = { name: "user.fred.Work" as MboxName };
      await mail.as(ownerOf("user.fred")).ask("mailboxes.subscribe", args);
    });
    const before = await states(site);
    assert.equal(site.run("cyrusdb", "-c").status, 0);
    await site.append("user.fred", ["after the checkpoint"]);
    const last = (await site.state("user.fred")).messages[6]!;
    rmSync(join(site.dir, "conf/store"), { recursive: true });
    // What happens when nobody has noticed yet: checkpoints of an empty store.
    for (let n = 0; n < 3; n++) assert.equal(site.run("cyrusdb", "-c").status, 0);
    assert.equal(site.run("cyrusdb", "-r").status, 0);
    const { stdout, status, stderr } = site.run("reconstruct", ...how);
    assert.equal(stderr, "");
    assert.equal(status, 0);
    for (const name of names) assert.match(stdout, new RegExp(`^discovered ${name.replaceAll(".", "/")}$`, "m"));
    const after = await states(site);
    const { 6: late, ...messages } = after["user.fred"]!.messages;
    assert.equal(late!.octets, last.octets);
    assert.deepEqual(messages, before["user.fred"]!.messages);
    for (const name of names) {
      const [was, is] = [before[name]!, after[name]!];
      assert.deepEqual(
        [is.uniqueId, is.acl, is.uidValidity, is.flagNames],
        [was.uniqueId, was.acl, was.uidValidity, was.flagNames],
      );
      if (name !== "user.fred") assert.deepEqual(is, was);
    }
    assert.equal(after["user.fred"]!.counts["expunged"], 1);
    assert.match(site.run("quota").stdout, /^ {4}1000 /m);
    assert.equal(site.query("SELECT 1 FROM sub").length, 1);
    // Uids that may have been given out are not given out again.
    await site.append("user.fred", ["new"]);
    assert.ok(
      Object.keys((await site.state("user.fred")).messages).every((uid) => Number(uid) < 7 || Number(uid) > 1000),
    );
    isSettled(site);
  });
}

test("-P without any checkpoint: names, ACLs, uidvalidity, uids and octets", async (t) => {
  const site = await makeSite(t);
  const before = await states(site);
  rmSync(join(site.dir, "conf/store"), { recursive: true });
  assert.equal(site.run("reconstruct", "-P").status, 0);
  const after = await states(site);
  for (const name of names) {
    const [was, is] = [before[name]!, after[name]!];
    assert.deepEqual(
      [is.uniqueId, is.acl, is.uidValidity, is.flagNames],
      [was.uniqueId, was.acl, was.uidValidity, was.flagNames],
    );
    for (const [uid, { octets }] of Object.entries(was.messages))
      assert.equal(is.messages[Number(uid)]?.octets, octets);
  }
  isSettled(site);
});

test("-P brings one mailbox back that the list has lost, and leaves a second claimant of its name alone", async (t) => {
  const site = await makeSite(t);
  const before = await states(site);
  const directory = await site.directory("user.fred.Work");
  const twin = directory.replace(/\/(.)\/(.)\/([^/]+)$/, "/t/w/twinofwork");
  cpSync(directory, twin, { recursive: true });
  site.sql("DELETE FROM list WHERE name='user\x1ffred\x1fWork'");
  const { stdout, status } = site.run("reconstruct", "-P");
  assert.equal(status, 0);
  assert.match(stdout, /discovered user\/fred\/Work/);
  const after = await states(site);
  assert.ok(existsSync(join(twin, "1.")));
  const was = before["user.fred.Work"]!;
  const is = after["user.fred.Work"]!;
  assert.deepEqual(
    Object.values(is.messages).map(({ octets }) => octets),
    Object.values(was.messages).map(({ octets }) => octets),
  );
  assert.deepEqual({ ...after, "user.fred.Work": was }, before);
});

test("a directory that nothing tells the name of is left alone", async (t) => {
  const site = await makeSite(t);
  const directory = await site.directory("user.jane");
  rmSync(join(site.dir, "conf/store"), { recursive: true });
  renameSync(join(directory, "pasargad.header"), join(directory, "elsewhere"));
  const { stdout, status } = site.run("reconstruct", "-P");
  assert.equal(status, 0);
  assert.match(stdout, /neither its header file nor a checkpoint tells which mailbox this is/);
  assert.ok(existsSync(join(directory, "1.")));
  assert.doesNotMatch(stdout, /user\/jane/);
});
