/** What administration programs do when something they need is damaged, missing or of somebody else: one clear line, the right status, nothing changed. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { AdminSite, type Run } from "./admin-site.ts";

const cyrusFile = resolve(import.meta.dirname, "../../src/store/ephemeral/testdata/cyrus-deliver.db");

function assertOneLine({ stderr }: Run, pattern: RegExp): void {
  assert.match(stderr, pattern);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
}

test("ctl_deliver -d changes nothing, whatever file it is given", async (t) => {
  const site = new AdminSite(t);
  await site.create("user.fred");
  const place = join(site.dir, "files");
  mkdirSync(place);
  // As a store that runs: what was committed last is in its -wal.
  const store = join(place, "store.db");
  const db = new DatabaseSync(store);
  t.after(() => db.close());
  db.exec("PRAGMA journal_mode=WAL; CREATE TABLE list(x)");
  writeFileSync(join(place, "text"), "x".repeat(8_192));
  mkdirSync(join(place, "directory"));
  assert.equal(spawnSync("mkfifo", [join(place, "pipe")]).status, 0);
  const before = readdirSync(place);
  for (const name of ["store.db", "text", "directory", "pipe"]) {
    const run = site.run("ctl_deliver", "-d", "-f", join(place, name));
    assert.equal(run.status, 1, name);
    assert.equal(run.stdout, "");
    assertOneLine(run, /^ctl_deliver: unable to init duplicate delivery database: \/\S+: /);
    assert.match(site.log(), /DBERROR: unable to init duplicate delivery database/);
  }
  assert.deepEqual(readdirSync(place), before);

  copyFileSync(cyrusFile, join(place, "cyrus.db"));
  const listed = site.run("ctl_deliver", "-d", "-f", join(place, "cyrus.db"));
  assert.match(listed.stdout, /^id: <1@b\.example> .*\n(?:.*\n)*got 3 entries\n$/m);
  assert.deepEqual(readFileSync(join(place, "cyrus.db")), readFileSync(cyrusFile));
  assert.deepEqual(readdirSync(place).sort(), [...before, "cyrus.db"].sort());
});

test("ctl_deliver -d lists a deliver.db of ours, and nothing where there is none", (t) => {
  const site = new AdminSite(t);
  assert.match(site.run("ctl_deliver", "-d").stdout, /^it is NOW: \d+\ngot 0 entries\n$/);
  assert.equal(existsSync(join(site.dir, "conf/deliver.db")), false);
  assert.equal(site.run("expire", "-E", "3").status, 0);
  const db = new DatabaseSync(join(site.dir, "conf/deliver.db"));
  t.after(() => db.close());
  // Still open: the mark is in the -wal.
  db.exec("INSERT INTO duplicate VALUES ('<a@b>', 'box', 'date', 5, 7)");
  const { status, stdout } = site.run("ctl_deliver", "-d");
  assert.equal(status, 0);
  assert.match(stdout, /^id: <a@b> +\tto: box +\tat: 5\tuid: 7\ngot 1 entries$/m);
});

test("what cannot be read is said in one line, with a status that lets the caller try again", (t) => {
  const site = new AdminSite(t, "duplicate_db_path: {configdirectory}/in-the-way");
  mkdirSync(join(site.dir, "conf/in-the-way"));
  const expire = site.run("expire", "-E", "3");
  assert.equal(expire.status, 75);
  assertOneLine(expire, /^fatal error: .*in-the-way: unable to open database file$/m);
  assert.match(site.log(), /expire\[\d+\]: Fatal error: .*in-the-way: unable to open database file/);
  mkdirSync(join(site.dir, "conf/tls_tickets.key"));
  const prune = site.run("tls_prune");
  assert.equal(prune.status, 75);
  assertOneLine(prune, /^fatal error: .*EISDIR|^fatal error: .*directory/);
  writeFileSync(join(site.dir, "conf/proc"), "");
  const proc = site.run("info", "proc");
  assert.equal(proc.status, 75);
  assertOneLine(proc, /^fatal error: ENOTDIR.*conf\/proc/);
});

test("a store that is damaged beyond its first pages: every program says so and ends", async (t) => {
  const site = new AdminSite(t);
  await site.create(
    ...Array.from({ length: 60 }, (_, n) => `user.fred.${"x".repeat(100)}${n}`).toSpliced(0, 0, "user.fred"),
  );
  const octets = readFileSync(site.database);
  octets.fill(0xee, 4 * 8_192);
  chmodSync(site.database, 0o600);
  writeFileSync(site.database, octets);
  for (const [program, ...args] of [["quota"], ["expire", "-X", "1"], ["reconstruct"], ["cyrusdb", "-c"]] as const) {
    const run = site.run(program, ...args);
    assert.equal(run.status, 75, `${program}: ${run.stderr}`);
    assertOneLine(run, /^fatal error: /);
  }
});

test("a relative path in imapd.conf is refused by every program: it would mean another place for each caller", (t) => {
  const site = new AdminSite(t);
  writeFileSync(site.imapdConf, "configdirectory: conf\npartition-default: /nowhere\n");
  for (const [program, ...args] of [["tls_prune"], ["ctl_deliver", "-d"], ["quota"], ["saslpasswd2", "-l"]] as const) {
    const run = site.run(program, ...args);
    assert.equal(run.status, 78, program);
    assertOneLine(run, /^fatal error: configdirectory must be an absolute path \(\S+imapd\.conf:1: /);
  }
});

test("cyr_expire takes several mailboxes, one of them once", async (t) => {
  const site = new AdminSite(t, "unixhierarchysep: yes");
  await site.create("user.a", "user.a.Sub", "user.b", "user.c");
  for (const name of ["user.a", "user.a.Sub", "user.b", "user.c"]) await site.append(name, ["one"]);
  const { stderr } = site.run("expire", "-X", "1", "-v", "user/a/Sub", "user/a", "user/b", "user/b");
  assert.match(stderr, /out of 3 messages from 3 mailboxes/);
  assert.equal(site.run("expire", "-X", "1", "user/a", "a\x01b").status, 64);
});

test("settings of a program by its name count", (t) => {
  const site = new AdminSite(t, "cyr_expire_duplicate_db_path: {configdirectory}/own/deliver.db");
  assert.equal(site.run("expire", "-E", "3").status, 0);
  assert.ok(existsSync(join(site.dir, "conf/own/deliver.db")));
  assert.ok(!existsSync(join(site.dir, "conf/deliver.db")));
});

test("cyr_idled says which store it cannot open", (t) => {
  const site = new AdminSite(t);
  const run = site.run("idled", "-d");
  assert.equal(run.status, 75);
  assertOneLine(run, /^cyr_idled: cannot open the store in \S+\/conf: unable to open database file$/m);
});
