/** cyr_quota, cyr_expire and cyr_cyrusdb as processes: flags, layout of what they print, exit codes, and what they do. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../src/base/log.ts";
import { loadImapdConf } from "../../src/config/index.ts";
import type { MboxName } from "../../src/formats/ids.ts";
import { measureUse } from "../../src/ops/maintenance/fix-quota.ts";
import { correctUse, Tools } from "../../src/ops/maintenance/index.ts";
import { programCaller, takeIn } from "../../src/ops/index.ts";
import { AdminSite, ownerOf } from "./admin-site.ts";

const setQuota = (site: AdminSite, root: string, storage: number): Promise<unknown> =>
  site.withMail((mail) => {
    const limits = { STORAGE: storage, MESSAGE: null, "X-ANNOTATION-STORAGE": null, "X-NUM-FOLDERS": null };
    return mail.as(programCaller("t")).ask("quota.set", { root: root as MboxName, limits });
  });

test("cyr_quota lists, fixes and says what it fixed", async (t) => {
  const site = new AdminSite(t, "unixhierarchysep: yes");
  await site.create("user.fred", "user.fred.A", "user.jane");
  await setQuota(site, "user.fred", 1000);
  await site.append("user.fred", ["one", "two"]);
  const size = (await site.state("user.fred")).counts["sizeOctets"]!;
  const used = (octets: number, messages: number): string =>
    `   Quota   % Used     Used             Resource Root
    1000        0 ${String(Math.floor(octets / 1024)).padStart(8)}              STORAGE user/fred
                  ${String(messages).padStart(8)}              MESSAGE user/fred
                         0 X-ANNOTATION-STORAGE user/fred
                         2        X-NUM-FOLDERS user/fred\n`;
  assert.deepEqual(site.run("quota"), { status: 0, stdout: used(size, 2), stderr: "" });
  assert.deepEqual(site.run("quota", "user/fr").stdout, used(size, 2));
  assert.equal(site.run("quota", "-u", "jane").stdout.split("\n").length, 2, "only the header");
  assert.deepEqual(JSON.parse(site.run("quota", "-J", "-u", "fred").stdout), {
    "user/fred": {
      STORAGE: { used: size, limit: 1024000 },
      MESSAGE: { used: 2 },
      "X-ANNOTATION-STORAGE": { used: 0 },
      "X-NUM-FOLDERS": { used: 2 },
    },
  });
  assert.deepEqual(site.run("quota", "-f", "-q"), { status: 0, stdout: "", stderr: "" });
  site.sql("UPDATE quota SET storage_used=5000, message_used=7");
  const told = `user/fred: usage was 5000, now ${size}\nuser/fred: MESSAGE usage was 7, now 2\n`;
  assert.equal(site.run("quota", "-f", "-n", "-q").stdout, told);
  assert.match(site.run("quota").stdout, / 7 +MESSAGE/);
  assert.equal(site.run("quota", "-f").stdout, told + used(size, 2));
  assert.deepEqual(site.run("quota", "-f", "-q"), { status: 0, stdout: "", stderr: "" });
  const wrong = site.run("quota", "-Z");
  assert.equal(wrong.status, 64);
  assert.match(wrong.stderr, /^cyr_quota: invalid option -- 'Z'\nusage: quota /);
});

test("what is wrong with a use is taken away once, whatever comes in while it is counted and whoever counts too", async (t) => {
  const site = new AdminSite(t);
  const root = "user.fred" as MboxName;
  await site.create("user.fred", "user.fred.A");
  await setQuota(site, root, 1000);
  await site.append("user.fred", ["one", "two"]);
  site.sql("UPDATE quota SET storage_used=storage_used+5000, message_used=0");
  const config = loadImapdConf({ path: site.imapdConf, service: "test" });
  const tools = Tools.open(config, silentLog, "test");
  const measured = () => measureUse(tools.reader.dbOfName(root), root)!;
  const deliver = async (text: string): Promise<void> => {
    const box = tools.reader.entry("user.fred.A" as MboxName)!.uniqueId;
    const { args, attachments } = takeIn(Buffer.from(`Subject: ${text}\r\n\r\nx\r\n`), { seconds: 1, nanos: 0 });
    const target = { box, flags: { system: 0, user: [] }, quota: "ignore" as const, needsPost: false };
    await tools.writer.ask("messages.deliver", { message: args, targets: [target] }, attachments);
  };
  try {
    const found = measured();
    assert.equal(found.before.storageUsed - found.after.storageUsed, 5000);
    assert.deepEqual([found.before.messageUsed, found.after.messageUsed], [0, 2]);
    await deliver("three");
    await tools.writer.ask("maintenance.fix-quota", { root, found });
    assert.deepEqual(measured().before, measured().after);
    assert.equal(measured().after.messageUsed, 3);
    site.sql("UPDATE quota SET message_used=100");
    const results = await Promise.all(["a", "b", "c"].map((who) => correctUse(tools, root, { who })));
    await deliver("four");
    assert.deepEqual(
      results.map((result) => result?.after.messageUsed),
      [3, undefined, undefined],
    );
    assert.deepEqual(measured().before, measured().after);
  } finally {
    await tools.close();
  }
});

test("cyr_quota counts nested roots apart", async (t) => {
  const site = new AdminSite(t);
  await site.create("user.fred", "user.fred.A", "user.fred.A.B", "user.fred.A.B.C");
  for (const name of ["user.fred", "user.fred.A", "user.fred.A.B", "user.fred.A.B.C"]) await site.append(name, ["m"]);
  for (const root of ["user.fred", "user.fred.A", "user.fred.A.B"]) await setQuota(site, root, 10);
  assert.deepEqual(site.run("quota", "-f", "-q"), { status: 0, stdout: "", stderr: "" });
  site.sql("UPDATE quota SET message_used=100");
  site.run("quota", "-f", "-q");
  assert.deepEqual(
    site.query("SELECT message_used AS n FROM quota ORDER BY root"),
    [1, 1, 2].map((n) => ({ n })),
  );
});

test("cyr_expire removes what was expunged, deleted and is not used", async (t) => {
  const site = new AdminSite(t, "unixhierarchysep: yes");
  await site.create("user.fred", "user.fred.Old");
  await site.append("user.fred", ["one", "two", "three"], 0, ["$Kept"]);
  await site.append("user.fred", ["four"], 0, ["$Gone"]);
  await site.expunge("user.fred", [2, 4]);
  const file = await site.messageFile("user.fred", 2);
  assert.ok(existsSync(file));
  await site.withMail((mail) =>
    mail.as(ownerOf("user.fred")).ask("mailboxes.delete", { name: "user.fred.Old" as MboxName }),
  );

  const young = site.run("expire", "-E", "3", "-X", "1", "-D", "1", "-v");
  assert.equal(young.status, 0);
  assert.equal(young.stdout, "");
  assert.equal(
    young.stderr,
    `
Expired 0 and expunged 0 out of 4 messages from 2 mailboxes

Removed 0 deleted mailboxes

duplicate_prune: pruning back 3.00 days

duplicate_prune: purged 0 out of 0 entries
`,
  );
  assert.ok(existsSync(file));
  const deleted = (): unknown[] =>
    site.query("SELECT name FROM list WHERE name LIKE 'DELETED%' AND type NOT LIKE '%d%'");
  assert.equal(deleted().length, 1);

  assert.deepEqual(site.run("expire", "-X", "0", "-D", "0s", "-t"), { status: 0, stdout: "", stderr: "" });
  assert.ok(!existsSync(file));
  assert.equal(deleted().length, 0);
  const { counts, messages, flagNames } = await site.state("user.fred");
  assert.deepEqual([counts["exists"], counts["expunged"], Object.keys(messages)], [2, 0, ["1", "3"]]);
  assert.deepEqual(flagNames, ["$Kept"]);
  assert.equal(site.query("SELECT uid FROM guid").length, 2);
  assert.match(site.log(), /expire\[\d+\]: Expired 0 and expunged 2 out of 4 messages from 2 mailboxes/);
  assert.deepEqual(site.run("reconstruct", "-q"), { status: 0, stdout: "", stderr: "" });
});

test("cyr_expire -E obeys the annotation of a mailbox and those above it", async (t) => {
  const site = new AdminSite(t);
  await site.create("user.fred", "user.fred.Sub");
  await site.append("user.fred", ["old"]);
  await site.append("user.fred.Sub", ["old"]);
  const { uniqueId } = await site.state("user.fred");
  site.sql(
    "INSERT INTO annotation VALUES (?, 0, '/vendor/cmu/cyrus-imapd/expire', '', ?, 1)",
    uniqueId,
    Buffer.from("30"),
  );
  assert.equal(site.run("expire", "-E", "3", "-a").status, 0);
  assert.equal((await site.state("user.fred.Sub")).counts["exists"], 1);
  assert.equal(site.run("expire", "-E", "3").status, 0);
  for (const name of ["user.fred", "user.fred.Sub"]) {
    assert.deepEqual((await site.state(name)).counts["exists"], 0, name);
  }
});

test("cyr_expire refuses what it cannot understand", (t) => {
  const site = new AdminSite(t);
  for (const args of [[], ["-E", "-3"], ["-X", "3 d"], ["-D", "x"], ["-Z"], ["-h"], ["-v"]]) {
    assert.equal(site.run("expire", ...args).status, 64, args.join(" "));
  }
  assert.equal(site.run("expire", "-E", "0.5d", "-X", "1.5h", "-D", "10m").status, 0);
});

test("cyr_cyrusdb -r and -c", async (t) => {
  const site = new AdminSite(t);
  assert.equal(site.run("cyrusdb").status, 255);
  assert.equal(site.run("cyrusdb", "-r", "-c").status, 255);
  assert.deepEqual(site.run("cyrusdb", "-r"), { status: 0, stdout: "", stderr: "" });
  assert.match(site.log(), /recovering cyrus databases\n.*done recovering cyrus databases\n/);
  await site.create("user.fred", "user.jane");
  await site.append("user.fred", ["one", "two"]);
  site.sql("INSERT INTO list VALUES ('user\x1fhalf','reserveduniqueid',NULL,'ez','default','','',1,1,1,1,'','[]')");
  assert.equal(site.run("cyrusdb", "-r", "-x").status, 0);
  assert.equal(site.query("SELECT 1 FROM list WHERE type='ez'").length, 1);
  assert.equal(site.run("cyrusdb", "-r").status, 0);
  assert.equal(site.query("SELECT 1 FROM list WHERE type='ez'").length, 0);

  const rows = (): string[] =>
    readdirSync(join(site.dir, "conf/db.rows"), { recursive: true, encoding: "utf8" }).filter((name) =>
      /\.\d+$/.test(name),
    );
  assert.deepEqual(site.run("cyrusdb", "-c"), { status: 0, stdout: "", stderr: "" });
  assert.ok(existsSync(join(site.dir, "conf/db.backup1/mailboxes")));
  assert.equal(rows().length, 2);
  site.run("cyrusdb", "-c");
  assert.ok(existsSync(join(site.dir, "conf/db.backup2/mailboxes")));
  assert.equal(rows().length, 2, "nothing changed, nothing written");
  await site.append("user.fred", ["three"]);
  site.run("cyrusdb", "-c");
  assert.equal(rows().length, 3, "an addition for the one that changed");
  for (let n = 0; n < 4; n++) {
    await site.append("user.fred", [`more ${n}`]);
    site.run("cyrusdb", "-c");
  }
  assert.ok(rows().length < 7, "what no generation refers to is removed");
  assert.equal(site.run("cyrusdb", "-r").status, 0);
  assert.doesNotMatch(site.log(), /files of a checkpoint that was cut short/);
});
