import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Busy, keptAnswer, readSubscriptions } from "../../store/index.ts";
import type { UserId } from "../../formats/ids.ts";
import { legacyRights, printRights, rightLetters } from "../acl/index.ts";
import { MailError } from "../errors.ts";
import { parseQuotaLimits } from "../quota/index.ts";
import { moveAllMessages } from "../messages/move-all.ts";
import { MAX_DELETED_COPIES, mailboxVerbs } from "./index.ts";
import type { MailboxRules } from "./rules.ts";
import { MAX_ACL_CHARACTERS, MAX_ACL_ENTRIES } from "./set-acl.ts";
import { specialUses } from "./special-use.ts";
import { name, Site } from "./site.fixture.ts";

/** One line a step, `user: verb arguments => outcome`; the outcome is OK when it is left out. */
function play(site: Site, script: string): void {
  for (const text of script.trim().split("\n")) {
    const [, user = "", command = "", wanted = "OK"] = /^\s*(\w*): (.*?)(?: => (\w+))?\s*$/.exec(text) ?? [];
    assert.equal(step(site, user, command.split(" ")), wanted, text.trim());
  }
}

function step(site: Site, user: string, [verb = "", first = "", second = "", third = ""]: readonly string[]): string {
  const box = name(first);
  switch (verb) {
    case "create":
      return site.try(user, mailboxVerbs.create, { name: box, specialUse: second === "" ? [] : second.split(",") });
    case "place":
      return site.try(user, mailboxVerbs.create, { name: box, partition: second });
    case "type":
      return site.try(user, mailboxVerbs.create, { name: box, type: second });
    case "delete":
      return site.try(user, mailboxVerbs.delete, { name: box });
    case "localdelete":
      return site.try(user, mailboxVerbs.delete, { name: box, local: true });
    case "rename":
      return site.try(user, mailboxVerbs.rename, { from: box, to: name(second) });
    case "move":
      return site.try(user, mailboxVerbs.rename, { from: box, to: box, partition: second });
    case "acl": {
      const change = third.startsWith("+") ? "add" : third.startsWith("-") ? "remove" : "replace";
      const rights = change === "replace" ? third : third.slice(1);
      return site.try(user, mailboxVerbs.setAcl, { name: box, identifier: second, change, rights });
    }
    case "quota": {
      const limits = second === "" ? [] : [{ resource: second, limit: Number(third) }];
      return site.try(user, mailboxVerbs.setQuota, { root: box, limits: parseQuotaLimits(limits) });
    }
    case "use":
      return site.try(user, mailboxVerbs.setSpecialUse, { name: box, uses: second === "" ? [] : second.split(",") });
    case "subscribe":
      return site.try(user, mailboxVerbs.subscribe, { name: box });
    case "unsubscribe":
      return site.try(user, mailboxVerbs.unsubscribe, { name: box });
    default:
      throw new Error(`no verb ${verb}`);
  }
}

function makeSite(rules: Partial<MailboxRules> = {}): Site {
  const site = new Site(rules);
  play(site, "cyrus: create user.alice\ncyrus: create user.bob");
  return site;
}

describe("CREATE", () => {
  test("who may, where, and what is inherited", () => {
    using site = makeSite();
    play(
      site,
      `cyrus: create user.alice => mailboxExists
       alice: create user.alice => mailboxExists
       alice: create user.alice.f1.f2.f3
       alice: create user.alice.f1 => mailboxExists
       bob: create user.alice.x => permissionDenied
       bob: create user.alice.f1 => permissionDenied
       bob: create user.alice => permissionDenied
       bob: create shared => permissionDenied
       bob: create user.newguy => permissionDenied
       cyrus: create user.carol.x => permissionDenied
       carol: create user.carol.x => permissionDenied
       carol: create user.carol
       carol: create user.carol.x
       cyrus: create s1.s2
       bob: create s1.x => permissionDenied
       alice: acl user.alice.f1 bob lrk
       bob: create user.alice.f1.new
       bob: create DELETED.x => badName
       cyrus: create DELETED.user.x.6B0454A8 => badName
       cyrus: create user => badName
       cyrus: create user.alice.a%b => badName
       : create user.alice.y => permissionDenied`,
    );
    assert.equal(site.acl("user.alice"), "alice lrswipkxtecdan");
    assert.equal(site.acl("user.alice.f1.new"), "alice lrswipkxtecdan bob lrkc");
    assert.equal(site.acl("s1.s2"), "anyone lrs");
    assert.equal(site.acl("user.alice.f1.f2"), "alice lrswipkxtecdan");
    const validities = ["user.alice", "user.alice.f1", "user.alice.f1.f2"].map((box) => site.entry(box)!.uidValidity);
    assert.deepEqual(validities, [site.now, site.now + 1, site.now + 2]);
    assert.equal(site.entry("user.alice.f1")!.createdModseq, 2);
  });

  test("a mailbox made again under its name has a higher uidvalidity and another uniqueid", () => {
    using site = makeSite();
    play(site, "alice: create user.alice.x");
    const first = site.entry("user.alice.x")!;
    play(site, "alice: delete user.alice.x\nalice: create user.alice.x");
    const second = site.entry("user.alice.x")!;
    assert.ok(second.uidValidity > first.uidValidity);
    assert.notEqual(second.uniqueId, first.uniqueId);
  });

  test("INBOX as a level of its own is not made as a parent", () => {
    using site = makeSite();
    play(site, "alice: create user.alice.INBOX.foo");
    assert.equal(site.entry("user.alice.INBOX"), undefined);
    assert.ok(site.entry("user.alice.INBOX.foo"));
  });

  test("partitions and types", () => {
    using site = makeSite();
    play(
      site,
      `alice: place user.alice.p second => permissionDenied
       cyrus: place user.carol nosuch => badPartition
       cyrus: place user.carol second
       carol: create user.carol.x
       alice: type user.alice.c calendar
       alice: type user.alice.d bogus => badMailboxType`,
    );
    assert.equal(site.entry("user.carol.x")!.partition, "second");
    assert.equal(site.entry("user.alice.c")!.type, "c");
  });

  test("special uses", () => {
    using site = makeSite({ specialUses: specialUses({ extra: "\\Notes", protect: "\\Sent", noChildren: "\\Trash" }) });
    play(
      site,
      `alice: create user.alice.Sent \\sent
       alice: create user.alice.Sent2 \\Sent => specialUseConflict
       alice: create user.alice.X \\Bogus => badSpecialUse
       alice: create user.alice.X \\All => badSpecialUse
       alice: create user.alice.T \\Trash,\\Trash,\\Notes
       alice: create user.alice.T.kid => permissionDenied
       cyrus: create shared \\Sent => specialUseConflict
       alice: delete user.alice.Sent => specialUseConflict
       alice: rename user.alice.Sent user.alice.Sent3
       alice: rename user.alice.Sent3 user.alice.T2.Sent => specialUseConflict
       alice: delete user.alice.T
       alice: create user.alice.T3 \\Trash`,
    );
    assert.equal(site.entry("user.alice.Sent3")!.specialUse, "\\Sent");
  });

  test("special uses are set later, too", () => {
    using site = makeSite();
    play(
      site,
      `alice: create user.alice.S \\Sent
       alice: create user.alice.T
       bob: acl user.bob alice lrswx
       alice: use user.alice.T \\sent => specialUseConflict
       alice: use user.alice.T \\Flagged => badSpecialUse
       alice: use user.bob \\Junk => permissionDenied
       bob: use user.alice.T \\Junk => mailboxNonexistent
       alice: use user.alice \\Junk
       alice: use user.alice.S
       alice: use user.alice.T \\sent,\\Archive
       alice: use user.alice.T \\Archive
       alice: delete user.alice.S`,
    );
    assert.equal(site.entry("user.alice.T")!.specialUse, "\\Archive");
  });

  test("X-NUM-FOLDERS is enforced, for the parents too", () => {
    using site = makeSite();
    play(
      site,
      `cyrus: quota user.alice X-NUM-FOLDERS 3
       alice: create user.alice.a.b.c => overQuota
       alice: create user.alice.a.b
       alice: create user.alice.c => overQuota
       alice: rename user.alice.a user.alice.z
       alice: delete user.alice.z.b
       alice: create user.alice.c`,
    );
    assert.equal(site.use("user.alice"), "0 0 3");
  });
});

describe("DELETE", () => {
  test("delayed: renamed below DELETED with everything it has", () => {
    using site = makeSite();
    play(
      site,
      "cyrus: quota user.alice STORAGE 100\nalice: create user.alice.Work\nalice: acl user.alice.Work bob lrs",
    );
    site.fill("user.alice.Work", 3, 100);
    assert.equal(site.use("user.alice"), "300 3 2");
    const { uniqueId, mbox } = site.entry("user.alice.Work")!;
    play(site, "alice: delete user.alice.Work");
    assert.equal(site.names, "DELETED.user.alice.Work.6B0454A8 user.alice user.bob");
    const deleted = site.entry("DELETED.user.alice.Work.6B0454A8")!;
    assert.deepEqual([deleted.uniqueId, deleted.mbox], [uniqueId, mbox]);
    assert.equal(site.acl("DELETED.user.alice.Work.6B0454A8"), "alice lrswipkxtecdan bob lrs");
    assert.equal(site.use("user.alice"), "0 0 1");
    assert.equal(site.tx.anyEntry(name("user.alice.Work"))!.type, "ed");
  });

  test("rights, children, INBOX", () => {
    using site = makeSite();
    play(
      site,
      `alice: create user.alice.a.b
       alice: delete user.alice.a => hasChildren
       alice: delete user.alice => notSupported
       alice: delete user.alice.nosuch => mailboxNonexistent
       bob: delete user.alice.a.b => mailboxNonexistent
       bob: delete user.alice => mailboxNonexistent
       alice: acl user.alice.a.b bob lr
       bob: delete user.alice.a.b => permissionDenied
       alice: acl user.alice.a.b bob x
       cyrus: delete user.alice.a.b => permissionDenied
       bob: delete user.alice.a.b
       alice: delete DELETED.user.alice.a.b.6B0454A8 => mailboxNonexistent
       cyrus: localdelete DELETED.user.alice.a.b.6B0454A8
       cyrus: localdelete user.alice.a`,
    );
    assert.equal(site.names, "user.alice user.bob");
    assert.equal(site.db.get("SELECT count(*) FROM mailbox")![0], 2);
  });

  test("twice in one second, and at most so many copies", () => {
    using site = makeSite();
    for (let n = 0; n < MAX_DELETED_COPIES + 5; n++)
      play(site, "alice: create user.alice.x\nalice: delete user.alice.x");
    const copies = site.names.split(" ").filter((box) => box.startsWith("DELETED."));
    assert.equal(copies.length, MAX_DELETED_COPIES);
    assert.equal(copies[0], `DELETED.user.alice.x.${(site.now + 5).toString(16).toUpperCase()}`);
  });

  test("immediate", () => {
    using site = makeSite({ deleteMode: "immediate", deleteUnsubscribe: true });
    play(site, "alice: create user.alice.x\nalice: subscribe user.alice.x\nalice: delete user.alice.x");
    assert.equal(site.names, "user.alice user.bob");
    assert.deepEqual(readSubscriptions(site.db, "alice"), []);
  });

  test("a user, by an administrator who was given x", () => {
    using site = makeSite();
    play(
      site,
      `cyrus: quota user.alice STORAGE 100
       alice: create user.alice.a.b
       alice: subscribe user.alice.a
       cyrus: delete user.alice => permissionDenied
       cyrus: acl user.alice cyrus x
       cyrus: delete user.alice
       cyrus: create user.alice`,
    );
    const hex = site.now.toString(16).toUpperCase();
    const deleted = ["user.alice", "user.alice.a", "user.alice.a.b"].map((box) => `DELETED.${box}.${hex}`);
    assert.deepEqual(
      site.names.split(" ").filter((box) => box.startsWith("DELETED.")),
      deleted.toSorted(),
    );
    assert.deepEqual(readSubscriptions(site.db, "alice"), []);
    assert.equal(site.use("user.alice"), "none");
    assert.ok(site.entry("user.alice")!.uidValidity > site.now);
  });

  test("a user with many mailboxes, in slices, and after a crash in the middle", () => {
    for (const cut of [false, true]) {
      using site = makeSite();
      site.ask("cyrus", mailboxVerbs.setAcl, {
        name: name("user.alice"),
        identifier: "cyrus",
        change: "add",
        rights: "x",
      });
      for (let n = 0; n < 250; n++) play(site, `alice: create user.alice.m${n}`);
      const args = { name: name("user.alice") };
      if (cut) {
        assert.throws(() => site.ask("cyrus", mailboxVerbs.delete, args, 2), /cut/);
        assert.ok(site.entry("user.alice"));
        site.recover();
      } else site.ask("cyrus", mailboxVerbs.delete, args);
      const names = site.names.split(" ");
      assert.equal(names.filter((box) => box.startsWith("DELETED.user.alice")).length, 251);
      assert.equal(names.length, 252);
      assert.equal(site.db.get("SELECT count(*) FROM intent")![0], 0);
    }
  });
});

describe("RENAME", () => {
  test("a tree goes as a whole, in name order", () => {
    using site = makeSite();
    play(site, "alice: create user.alice.f1.g.h\nalice: create user.alice.f1.a");
    site.fill("user.alice.f1.g", 2, 50);
    const renamed = site.ask("alice", mailboxVerbs.rename, { from: name("user.alice.f1"), to: name("user.alice.f9") });
    const lines = renamed.map(({ from, to }) => `${from} ${to}`);
    assert.deepEqual(lines, [
      "user.alice.f1 user.alice.f9",
      "user.alice.f1.a user.alice.f9.a",
      "user.alice.f1.g user.alice.f9.g",
      "user.alice.f1.g.h user.alice.f9.g.h",
    ]);
    assert.equal(site.names, "user.alice user.alice.f9 user.alice.f9.a user.alice.f9.g user.alice.f9.g.h user.bob");
    assert.equal(site.entry("user.alice.f9.g")!.history[0]!.name, "user.alice.f1.g");
    assert.equal(site.audit.at(-1)!.audit, "rename");
  });

  test("rights and refusals", () => {
    using site = makeSite();
    play(
      site,
      `alice: create user.alice.a.b
       alice: create user.alice.c
       cyrus: create shared
       alice: rename user.alice.a user.alice.c => mailboxExists
       alice: rename user.alice.a user.alice.a => mailboxExists
       alice: rename user.alice.a user.alice.a.b.x => notSupported
       alice: rename user.alice.nosuch user.alice.y => mailboxNonexistent
       alice: rename user.alice.a user.bob.a => permissionDenied
       alice: rename user.alice.a top => permissionDenied
       alice: rename user.alice.a user.alice.a%b => badName
       alice: rename user.bob user.alice.x => mailboxNonexistent
       bob: rename user.alice.a user.bob.a => mailboxNonexistent
       alice: acl user.alice.a bob lrk
       bob: rename user.alice.a user.bob.a => permissionDenied
       alice: move user.alice.a second => permissionDenied
       alice: rename user.alice user.alice.old => notSupported
       alice: rename user.alice.a user.newguy => permissionDenied
       cyrus: rename user.bob user.bobby => notSupported
       cyrus: rename shared user.newguy
       cyrus: rename user.newguy shared2 => notSupported
       bob: create user.bob.mine
       bob: rename user.bob.mine user.alice.a.frombob
       alice: rename user.alice.a user.alice.x.y.z`,
    );
    assert.equal(site.acl("user.alice.x.y.z.frombob"), "bob lrswipkxtecdan");
    assert.ok(site.entry("user.alice.x.y"));
  });

  test("quota goes along", () => {
    using site = makeSite();
    play(
      site,
      `cyrus: quota user.alice STORAGE 10
       cyrus: quota user.bob STORAGE 1
       alice: create user.alice.a.q.r
       cyrus: quota user.alice.a.q STORAGE 5`,
    );
    site.fill("user.alice.a", 1, 1000);
    site.fill("user.alice.a.q.r", 1, 3000);
    assert.equal(site.use("user.alice"), "1000 1 2");
    assert.equal(site.use("user.alice.a.q"), "3000 1 2");
    play(site, "bob: acl user.bob alice lrkx\nalice: rename user.alice.a user.bob.a\nalice: create user.alice.big");
    assert.equal(site.use("user.alice"), "0 0 2");
    assert.equal(site.use("user.bob"), "1000 1 2");
    assert.equal(site.use("user.bob.a.q"), "3000 1 2");
    assert.equal(site.use("user.alice.a.q"), "none");
    site.fill("user.alice.big", 1, 30);
    play(site, "alice: rename user.alice.big user.bob.big => overQuota");
    for (const root of ["user.alice", "user.bob", "user.bob.a.q"])
      assert.equal(site.use(root), site.recount(root), root);
  });

  test("a user, with allowusermoves", () => {
    using site = makeSite({ allowUserMoves: true });
    play(
      site,
      `cyrus: create user.carol
       bob: create user.bob.A.B
       bob: acl user.bob.A carol lrs
       bob: subscribe user.bob.A
       carol: subscribe user.bob.A
       cyrus: quota user.bob STORAGE 100
       cyrus: rename user.bob user.carol => mailboxExists
       cyrus: rename user.bob shared => notSupported
       bob: rename user.bob user.bobby => notSupported
       cyrus: rename user.bob user.bobby`,
    );
    assert.equal(site.acl("user.bobby.A"), "bobby lrswipkxtecdan carol lrs");
    assert.deepEqual(readSubscriptions(site.db, "bobby"), ["user.bobby.A"]);
    assert.equal(site.use("user.bobby"), "0 0 3");
    assert.equal(site.use("user.bob"), "none");
    const before = Math.max(...site.all().map((entry) => entry.uidValidity));
    play(site, "bobby: create user.bobby.new");
    assert.ok(site.entry("user.bobby.new")!.uidValidity > before - 1);
  });

  test("a big tree, in slices: its names are kept from others, and a crash is finished", () => {
    for (const cut of [false, true]) {
      using site = makeSite();
      play(site, "cyrus: quota user.alice STORAGE 100\nalice: create user.alice.t");
      play(site, "cyrus: quota user.alice.t STORAGE 100");
      for (let n = 0; n < 250; n++) play(site, `alice: create user.alice.t.m${n}`);
      site.fill("user.alice.t.m7", 1, 100);
      site.fill("user.alice.t.m99", 1, 50);
      const args = { from: name("user.alice.t"), to: name("user.alice.u") };
      if (cut) {
        assert.throws(() => site.ask("alice", mailboxVerbs.rename, args, 2), /cut/);
        assert.equal(site.try("alice", mailboxVerbs.create, { name: args.from }), "mailboxReserved");
        assert.equal(site.try("alice", mailboxVerbs.create, { name: name("user.alice.t.x") }), "mailboxReserved");
        assert.throws(() => site.ask("alice", mailboxVerbs.create, { name: name("user.alice.u.x") }), /busy/);
        site.recover();
        // The client asks again and hears that it is done, not that there is no such mailbox.
        const answer = keptAnswer(site.db, { client: "site", id: 1 }) as { result: { from: string; to: string }[] };
        assert.ok(answer.result.length > 0);
        assert.deepEqual(answer.result.at(-1), { from: "user.alice.t.m99", to: "user.alice.u.m99" });
      } else site.ask("alice", mailboxVerbs.rename, args);
      const names = site.names.split(" ");
      assert.equal(names.filter((box) => box.startsWith("user.alice.u")).length, 251);
      assert.equal(names.length, 253);
      assert.equal(site.use("user.alice.u"), "150 2 251");
      assert.equal(site.use("user.alice.t"), "none");
      assert.equal(site.use("user.alice"), "0 0 1");
      assert.equal(site.db.get("SELECT count(*) FROM intent")![0], 0);
      play(site, "alice: create user.alice.u.x\nalice: create user.alice.t");
    }
  });

  test("a tree waits for a mailbox that another verb holds", () => {
    using site = makeSite();
    for (let n = 0; n < 250; n++) play(site, `alice: create user.alice.t.m${n}`);
    const args = { from: name("user.alice.t"), to: name("user.alice.u") };
    const atFirst = site.hold("user.alice.t.m0");
    assert.throws(() => site.ask("alice", mailboxVerbs.rename, args), Busy);
    assert.ok(site.entry("user.alice.t"), "nothing of the tree has moved");
    atFirst();
    const next = site.start("alice", mailboxVerbs.rename, args);
    assert.ok(!next().done);
    const release = site.hold("user.alice.t.m99");
    for (let n = 0; n < 5; n++) assert.ok(!next().done);
    assert.ok(site.entry("user.alice.t.m99"));
    release();
    for (let n = 0; n < 5; n++) if (next().done) break;
    assert.equal(site.names.split(" ").filter((box) => box.startsWith("user.alice.u")).length, 251);
  });

  test("INBOX: its messages move, with the help of the message verbs", () => {
    const moves: number[][] = [];
    using site = makeSite({
      *moveAllMessages(_tx, from, to) {
        moves.push([from, to]);
        yield;
      },
    });
    play(site, "alice: create user.alice.kid\nalice: rename user.alice user.alice.old.mail");
    assert.equal(site.names, "user.alice user.alice.kid user.alice.old user.alice.old.mail user.bob");
    assert.deepEqual(moves, [[site.entry("user.alice")!.mbox, site.entry("user.alice.old.mail")!.mbox]]);
  });

  test("INBOX, with real messages: they are all in the new mailbox, INBOX stays with its uidvalidity", () => {
    using site = makeSite({ moveAllMessages });
    play(site, "cyrus: quota user.alice STORAGE 100");
    site.fill("user.alice", 1200, 10);
    const { uniqueId, uidValidity } = site.entry("user.alice")!;
    const next = site.start("alice", mailboxVerbs.rename, { from: name("user.alice"), to: name("user.alice.old") });
    assert.ok(!next().done);
    assert.throws(() => site.fill("user.alice", 1, 10), Busy);
    for (let n = 0; n < 10; n++) if (next().done) break;
    const headers = ["user.alice", "user.alice.old"].map((box) => site.tx.mailbox(site.entry(box)!.mbox!).header);
    assert.deepEqual([headers[0]!.exists, headers[1]!.exists, headers[1]!.lastUid], [0, 1200, 1200]);
    assert.deepEqual(
      [site.entry("user.alice")!.uniqueId, site.entry("user.alice")!.uidValidity],
      [uniqueId, uidValidity],
    );
    assert.equal(site.use("user.alice"), "12000 1200 2");
    site.fill("user.alice", 1, 10);
  });

  test("to another partition: every file is called for there", () => {
    using site = makeSite();
    play(site, "alice: create user.alice.p");
    site.fill("user.alice.p", 1200, 10);
    play(
      site,
      `cyrus: move user.alice.p nosuch => badPartition
       cyrus: move user.alice.p default => mailboxExists
       cyrus: move user.alice.p second`,
    );
    assert.equal(site.entry("user.alice.p")!.partition, "second");
    assert.equal(site.db.get("SELECT count(*) FROM pending WHERE partition='second'")![0], 1200);
    assert.equal(site.db.get("SELECT partition FROM doomed WHERE uid=0 ORDER BY not_before")![0], "default");
    assert.equal(site.audit.at(-1)!.audit, "partitionmove");
  });
});

describe("SETACL", () => {
  test("owners keep what is theirs; options; identifiers", () => {
    using site = makeSite();
    play(
      site,
      `alice: acl user.alice alice -a => permissionDenied
       alice: acl user.alice alice => permissionDenied
       alice: acl user.alice bob lrs
       alice: acl user.alice BOB +w
       bob: acl user.alice bob +a => permissionDenied
       bob: acl user.bob alice zz => badRights
       bob: acl user.bob a%b lr => badIdentifier
       alice: acl user.bob alice lr => mailboxNonexistent
       alice: acl nosuch alice lr => mailboxNonexistent
       cyrus: acl user.bob bob r
       bob: acl user.bob -bob lr
       bob: acl user.bob bob -l
       : acl user.alice bob lr => mailboxNonexistent`,
    );
    assert.equal(site.acl("user.alice"), "alice lrswipkxtecdan bob lrsw");
    assert.equal(site.acl("user.bob"), "bob lrkxcan -bob r");
    const { audit, fields, sessionId } = site.audit.at(-1)!;
    assert.equal(sessionId, "s1");
    assert.deepEqual([audit, ...Object.keys(fields)], "acl mailbox uniqueid mbtype oldacl acl foldermodseq".split(" "));
  });

  test("an ACL has an end; one that is longer already can become shorter", () => {
    using site = makeSite();
    const entry = site.entry("user.alice")!;
    const has = (count: number, padding: string): void => {
      const acl = Array.from({ length: count - 2 }, (_, n) => `x${n}${padding}\tl\t`).join("");
      const putEntry = { ...entry, acl: `${entry.acl}bob\tlr\t${acl}` };
      site.ask("cyrus", { name: "test", run: ({ tx }) => tx.putEntry(putEntry) }, undefined);
    };
    const script = `alice: acl user.alice carol l => notSupported
       cyrus: acl user.alice carol l => notSupported
       alice: acl user.alice bob`;
    has(MAX_ACL_ENTRIES, "");
    play(site, `${script}\nalice: acl user.alice eve l\nalice: acl user.alice eve lrs`);
    has(2 * MAX_ACL_ENTRIES, "");
    play(site, `${script}\nalice: acl user.alice eve l => notSupported`);
    has(300, "y".repeat(MAX_ACL_CHARACTERS / 300));
    play(site, `alice: acl user.alice bob lrs => notSupported\n${script}`);
  });

  test("switched off for users; not for anyone; no such group", () => {
    using closed = makeSite({ allowSetAcl: false });
    play(closed, "alice: acl user.alice bob lr => permissionDenied\ncyrus: acl user.alice bob lr");
    using noAnyone = makeSite({ anyoneUserAcl: false, groupExists: (group) => group === "staff" });
    play(
      noAnyone,
      `alice: acl user.alice anyone lr => permissionDenied
       alice: acl user.alice anyone -lr
       cyrus: acl user.alice anyone lr
       alice: acl user.alice anyone
       alice: acl user.alice group:nosuch lr => badIdentifier
       alice: acl user.alice group:staff lr`,
    );
  });
});

test("autocreate: INBOX, folders, quota, ACLs, subscriptions; once, and for those who are listed", () => {
  const acls = [
    { folder: "Junk", identifier: "anyone", rights: "p" },
    { folder: "Junk", identifier: "anyone", rights: "zz" },
  ];
  using site = makeSite({
    autocreate: {
      quotaKib: 1000,
      quotaMessages: 0,
      users: ["dave", "group:staff"],
      folders: ["Drafts", "Junk", "Sent", "bad%name", "a/b"],
      subscribed: ["Drafts", "Sent", "nosuch"],
      sharedSubscribed: [],
      allSharedSubscribed: true,
      acls,
      specialUses: new Map([
        ["Junk", "junk"],
        ["Sent", "\\sent"],
      ]),
    },
  });
  play(site, "cyrus: create news.misc\ncyrus: create secret\ncyrus: acl secret anyone");
  const make = (user: string, userId: string): unknown =>
    site.ask(user, mailboxVerbs.autocreate, { userId: userId as UserId });
  assert.equal(make("dave", "dave"), true);
  assert.equal(make("dave", "dave"), false);
  assert.equal(make("erin", "erin"), false);
  assert.throws(() => make("erin", "dave"), MailError);
  assert.equal(site.ask("cyrus", mailboxVerbs.autocreate, { userId: "erin" as UserId, groups: ["staff"] }), true);
  const own = site.names.split(" ").filter((box) => box.startsWith("user.dave"));
  assert.deepEqual(own, [
    "user.dave",
    "user.dave.Drafts",
    "user.dave.Junk",
    "user.dave.Sent",
    "user.dave.a",
    "user.dave.a.b",
  ]);
  assert.equal(site.acl("user.dave.Junk"), "dave lrswipkxtecdan anyone p");
  assert.deepEqual(
    [site.entry("user.dave.Junk")!.specialUse, site.entry("user.dave.Sent")!.specialUse],
    ["\\Junk", "\\Sent"],
  );
  assert.equal(site.tx.quota(name("user.dave"))!.storageLimit, 1000);
  assert.equal(site.use("user.dave"), site.recount("user.dave"));
  assert.deepEqual(readSubscriptions(site.db, "dave"), [
    "news",
    "news.misc",
    "user.dave",
    "user.dave.Drafts",
    "user.dave.Sent",
  ]);
});

describe("subscriptions and quota", () => {
  test("subscribe", () => {
    using site = makeSite();
    play(
      site,
      `cyrus: create shared
       alice: subscribe shared
       alice: subscribe user.alice
       alice: subscribe user.bob => mailboxNonexistent
       alice: subscribe nosuch => mailboxNonexistent
       alice: unsubscribe nosuch
       alice: unsubscribe user.alice
       : subscribe shared => permissionDenied`,
    );
    assert.deepEqual(readSubscriptions(site.db, "alice"), ["shared"]);
    using free = makeSite({ allowAllSubscribe: true });
    play(free, "alice: subscribe nosuch");
  });

  test("a new quota root counts what is there", () => {
    using site = makeSite();
    play(site, "alice: create user.alice.a.b\ncyrus: quota user.alice STORAGE 100");
    site.fill("user.alice.a", 2, 100);
    site.fill("user.alice.a.b", 3, 10);
    play(
      site,
      `cyrus: quota user.alice.a.b MESSAGE 50
       cyrus: quota user.alice.a
       alice: quota user.alice STORAGE 1 => permissionDenied
       cyrus: quota nosuch STORAGE 1 => mailboxNonexistent`,
    );
    for (const root of ["user.alice", "user.alice.a", "user.alice.a.b"])
      assert.equal(site.use(root), site.recount(root), root);
    site.ask("cyrus", mailboxVerbs.removeQuotaRoot, { root: name("user.alice.a") });
    assert.equal(site.use("user.alice"), site.recount("user.alice"));
    site.db.run("DELETE FROM header_due");
    site.ask("cyrus", mailboxVerbs.removeQuotaRoot, { root: name("user.alice") });
    // Header files name the quota root.
    assert.equal(site.db.get("SELECT count(*) FROM header_due")![0], 3);
    assert.equal(site.audit.at(-1)!.audit, "rmquota");
  });
});

/** What each right lets a user do with somebody else's mailbox `user.alice.box` that has no other right. */
const needs: Readonly<Record<string, { run: (site: Site) => string; right: string }>> = {
  "create below": { run: (site) => step(site, "bob", ["create", "user.alice.box.new"]), right: "k" },
  delete: { run: (site) => step(site, "bob", ["delete", "user.alice.box"]), right: "x" },
  "rename away": { run: (site) => step(site, "bob", ["rename", "user.alice.box", "user.bob.mine"]), right: "x" },
  "rename into": { run: (site) => step(site, "bob", ["rename", "user.bob.own", "user.alice.box.own"]), right: "k" },
  "set an ACL": { run: (site) => step(site, "bob", ["acl", "user.alice.box", "carol", "lr"]), right: "a" },
  subscribe: { run: (site) => step(site, "bob", ["subscribe", "user.alice.box"]), right: "l" },
  "set a quota": { run: (site) => step(site, "bob", ["quota", "user.alice.box", "STORAGE", "1"]), right: "none" },
};

describe("every verb, with each right and without", () => {
  for (const [what, { run, right }] of Object.entries(needs)) {
    test(what, () => {
      const legacy = legacyRights("c");
      assert.equal(printRights(legacy.c), "kxc");
      for (const letter of rightLetters) {
        if (letter === "c" || letter === "d") continue;
        for (const withLookup of [false, true]) {
          using site = makeSite();
          play(site, "alice: create user.alice.box\nbob: create user.bob.own");
          const rights = withLookup ? `l${letter}` : letter;
          play(site, `alice: acl user.alice.box bob ${rights}`);
          const names = site.names;
          const outcome = run(site);
          const isAllowed = letter === right || (right === "l" && withLookup);
          // Below a mailbox, and for quotas, there is nothing to hide that the refusal would tell.
          const isVisible = withLookup || letter === "l" || right === "k" || right === "none";
          const wanted = isAllowed ? "OK" : isVisible ? "permissionDenied" : "mailboxNonexistent";
          assert.equal(outcome, wanted, `${what} with ${rights}`);
          if (wanted !== "OK") assert.equal(site.names, names, "a refusal has changed something");
        }
      }
    });
  }
});

test("a refusal carries the resource or letter", () => {
  using site = makeSite();
  const args = { name: name("user.alice"), identifier: "bob", change: "replace", rights: "lq" } as const;
  assert.throws(
    () => site.ask("alice", mailboxVerbs.setAcl, args),
    (error) => error instanceof MailError && error.detail === "q",
  );
});

test("a mailbox that goes for good goes in one slice, however much is in it", () => {
  using site = new Site({ deleteMode: "immediate" });
  play(site, "cyrus: create user.alice\nalice: create user.alice.x");
  site.fill("user.alice.x", 5_000, 10);
  const { mbox } = site.entry("user.alice.x")!;
  const changes = (): number => site.db.get("SELECT total_changes()")![0] as number;
  const before = changes();
  const next = site.start("alice", mailboxVerbs.delete, { name: name("user.alice.x") });
  assert.equal(next().done, true);
  assert.ok(changes() - before < 20, `${changes() - before} rows changed`);
  assert.equal(site.entry("user.alice.x"), undefined);
  assert.equal(site.db.get("SELECT count(*) FROM mailbox WHERE mbox=?", mbox!)![0], 0);
  // The writer goes on with the rest by itself.
  assert.equal(site.db.get("SELECT count(*) FROM intent WHERE kind='remains'")![0], 1);
});
