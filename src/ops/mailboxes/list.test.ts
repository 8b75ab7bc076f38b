import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { ListPattern } from "../../formats/imap/index.ts";
import { writeSeen } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import { MailError } from "../errors.ts";
import { defaultNameSettings, type NameGroup } from "../names/index.ts";
import { mailboxVerbs } from "./index.ts";
import { MailboxLister } from "./list.ts";
import type { ListItem, ListRequest } from "./list-request.ts";
import { mailboxAcl, mailboxListRights, myRights, quotaOf, quotaRootOf } from "./read.ts";
import type { MailboxRules } from "./rules.ts";
import { name, Site } from "./site.fixture.ts";
import { mailboxStatus } from "./status.ts";

/** list.shards.test.ts runs all of this with several. */
const shards = Number(process.env["PASARGAD_TEST_SHARDS"] ?? 1);

const dotAlt: Partial<MailboxRules> = { names: { ...defaultNameSettings, separator: ".", altNamespace: true } };

function find(site: Site, user: string, request: ListRequest): readonly ListItem[] {
  const lister = new MailboxLister(site.namespace(user), site.access(user), request);
  while (!site.reader.view((snapshot) => lister.step(snapshot)));
  return lister.items;
}

/** One line a name, as IMAP shows it: `(\HasChildren) INBOX`. */
function list(site: Site, user: string, pattern: string, more: Partial<ListRequest> = {}): string {
  return find(site, user, { reference: "", patterns: [pattern], ...more })
    .map((item) => {
      const words = [
        item.noInferiors && "\\Noinferiors",
        (more.selectSubscribed || more.returnSubscribed) && !more.lsub && item.subscribed && "\\Subscribed",
        more.lsub ? item.hasChildren && "\\HasChildren" : item.hasChildren ? "\\HasChildren" : "\\HasNoChildren",
        item.specialUse,
        item.nonExistent ? "\\NonExistent" : item.noSelect && "\\Noselect",
      ];
      return `(${words.filter(Boolean).join(" ")}) ${item.name}${item.childInfo ? " CHILDINFO" : ""}`;
    })
    .join("\n");
}

function expected(text: string): string {
  return text
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .join("\n");
}

function create(site: Site, user: string, ...boxes: readonly string[]): void {
  for (const box of boxes) {
    const [path = "", ...specialUse] = box.split(" \\");
    site.ask(user, mailboxVerbs.create, { name: name(path), specialUse: specialUse.map((use) => `\\${use}`) });
  }
}

function grant(site: Site, box: string, identifier: string, rights: string): void {
  site.ask("cyrus", mailboxVerbs.setAcl, { name: name(box), identifier, change: "replace", rights });
}

describe("LIST, as Cyrus 3.6 answers", () => {
  test("standard namespace", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.bob", "shared", "shared.lists", "bad.name");
    create(site, "alice", "user.alice.Work", "user.alice.a*b", "user.alice.Entw&APw-rfe", "user.alice.f1.f2");
    assert.equal(
      list(site, "alice", "*"),
      expected(`(\\HasChildren) INBOX
        (\\HasNoChildren) INBOX/Entw&APw-rfe
        (\\HasNoChildren) INBOX/Work
        (\\HasNoChildren) INBOX/a*b
        (\\HasChildren) INBOX/f1
        (\\HasNoChildren) INBOX/f1/f2
        (\\HasChildren) bad
        (\\HasNoChildren) bad/name
        (\\HasChildren) shared
        (\\HasNoChildren) shared/lists`),
    );
    assert.equal(list(site, "alice", "%"), "(\\HasChildren) INBOX\n(\\HasChildren) bad\n(\\HasChildren) shared");
    assert.equal(list(site, "alice", "user/*"), "");
    assert.equal(list(site, "alice", "inbox"), "(\\HasChildren) INBOX");
    assert.equal(list(site, "alice", "INBOX/f1"), "(\\HasChildren) INBOX/f1");
    assert.equal(list(site, "alice", "/f1", { reference: "INBOX/" }), "(\\HasChildren) INBOX/f1");
    assert.equal(list(site, "alice", "f1/%", { reference: "INBOX/" }), "(\\HasNoChildren) INBOX/f1/f2");
    assert.equal(
      list(site, "cyrus", "*"),
      expected(`(\\HasChildren) user/alice
        (\\HasNoChildren) user/alice/Entw&APw-rfe
        (\\HasNoChildren) user/alice/Work
        (\\HasNoChildren) user/alice/a*b
        (\\HasChildren) user/alice/f1
        (\\HasNoChildren) user/alice/f1/f2
        (\\HasNoChildren) user/bob
        (\\HasChildren) bad
        (\\HasNoChildren) bad/name
        (\\HasChildren) shared
        (\\HasNoChildren) shared/lists`),
    );
    site.ask("alice", mailboxVerbs.delete, { name: name("user.alice.Work") });
    assert.equal(list(site, "cyrus", "DELETED*"), "(\\HasNoChildren) DELETED/user/alice/Work/6B0454A8");
    assert.equal(list(site, "alice", "*DELETED*"), "");
    assert.equal(list(site, "cyrus", "DELETED/%"), "(\\HasChildren \\Noselect) DELETED/user");
  });

  test("other users' mailboxes, and parents that are none", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.bob", "s1.s2");
    create(site, "alice", "user.alice.f1.g.h", "user.alice.f1.new", "user.alice.hidden");
    for (const box of ["f1", "f1.g", "f1.g.h"]) grant(site, `user.alice.${box}`, "bob", "lr");
    grant(site, "user.alice.f1.new", "group:staff", "lr");
    assert.equal(
      list(site, "bob", "*"),
      expected(`(\\HasNoChildren) INBOX
        (\\HasChildren) user/alice/f1
        (\\HasChildren) user/alice/f1/g
        (\\HasNoChildren) user/alice/f1/g/h
        (\\HasChildren) s1
        (\\HasNoChildren) s1/s2`),
    );
    assert.equal(
      list(site, "bob", "%"),
      "(\\HasNoChildren) INBOX\n(\\HasChildren \\Noselect) user\n(\\HasChildren) s1",
    );
    assert.equal(list(site, "bob", "user/%"), "(\\HasChildren \\Noselect) user/alice");
    assert.equal(list(site, "bob", "user"), "(\\HasChildren \\Noselect) user");
    assert.equal(list(site, "bob", "user/alice/f1/g"), "(\\HasChildren) user/alice/f1/g");
    const hidden = new Set<NameGroup>(["users"]);
    assert.equal(list(site, "bob", "user*", { hidden }), "");
    assert.equal(list(site, "", "*"), "(\\HasChildren) s1\n(\\HasNoChildren) s1/s2");
  });

  test("alternate namespace with every corner", () => {
    using site = new Site(dotAlt, shards);
    create(site, "cyrus", "user.alice", "user.bob", "shared", "shared.x", "Other Users.alice", "Shared Folders");
    const boxes =
      "INBOX|INBOX.foo|inbox|Inbox.bar|Other Users|Other Users.x|Shared Folders|Alt Folders|Alt Folders.y|user|user.bob|Work|Work^dot";
    create(site, "cyrus", ...boxes.split("|").map((box) => `user.alice.${box}`));
    create(site, "alice", "user.alice.Archive \\Archive \\Important");
    grant(site, "user.bob", "alice", "lrs");
    assert.equal(
      list(site, "alice", "*"),
      expected(`(\\HasChildren) INBOX
        (\\HasNoChildren \\Archive \\Important) Archive
        (\\HasNoChildren) INBOX.foo
        (\\HasNoChildren) Work
        (\\HasNoChildren) Work^dot
        (\\HasChildren) user
        (\\HasNoChildren) user.bob
        (\\HasChildren) Alt Folders.Alt Folders
        (\\HasNoChildren) Alt Folders.Alt Folders.y
        (\\Noinferiors \\HasNoChildren) Alt Folders.INBOX
        (\\HasChildren) Alt Folders.Inbox
        (\\HasNoChildren) Alt Folders.Inbox.bar
        (\\HasChildren) Alt Folders.Other Users
        (\\HasNoChildren) Alt Folders.Other Users.x
        (\\HasNoChildren) Alt Folders.Shared Folders
        (\\HasNoChildren) Alt Folders.inbox
        (\\HasNoChildren) Other Users.bob
        (\\HasChildren) Shared Folders.Other Users
        (\\HasNoChildren) Shared Folders.Other Users.alice
        (\\HasNoChildren) Shared Folders.Shared Folders
        (\\HasChildren) Shared Folders.shared
        (\\HasNoChildren) Shared Folders.shared.x`),
    );
    assert.equal(
      list(site, "alice", "%"),
      expected(`(\\HasChildren) INBOX
        (\\HasNoChildren \\Archive \\Important) Archive
        (\\HasNoChildren) Work
        (\\HasNoChildren) Work^dot
        (\\HasChildren) user
        (\\HasChildren \\Noselect) Alt Folders
        (\\HasChildren \\Noselect) Other Users
        (\\HasChildren \\Noselect) Shared Folders`),
    );
    assert.equal(list(site, "alice", "INBOX"), "(\\HasChildren) INBOX");
    assert.equal(list(site, "alice", "inbox.%"), "(\\HasNoChildren) INBOX.foo");
    assert.equal(list(site, "alice", "Other Users.%"), "(\\HasNoChildren) Other Users.bob");
    assert.equal(list(site, "alice", "other users.%"), "");
    assert.equal(
      list(site, "alice", "*", { selectSpecialUse: true }),
      "(\\HasNoChildren \\Archive \\Important) Archive",
    );
    assert.ok(!list(site, "cyrus", "*").includes("\\Archive"));
  });

  test("several patterns, and no names twice", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.alice.a", "user.alice.b");
    const items = find(site, "alice", { reference: "", patterns: ["INBOX", "INBOX/%", "*a"] });
    assert.deepEqual(
      items.map((item) => item.name),
      ["INBOX", "INBOX/a", "INBOX/b"],
    );
  });

  test("calendars and names held for a rename are not shown", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.alice.x");
    site.ask("alice", mailboxVerbs.create, { name: name("user.alice.cal"), type: "calendar" });
    assert.equal(list(site, "alice", "INBOX/%"), "(\\HasNoChildren) INBOX/x");
  });
});

describe("subscriptions", () => {
  function subscribed(): Site {
    const site = new Site({ allowAllSubscribe: true }, shards);
    create(site, "cyrus", "user.alice", "shared.a.b", "user.alice.x.y");
    for (const box of ["user.alice.x.y", "shared.a", "shared.a.b", "gone.box"]) {
      site.ask("alice", mailboxVerbs.subscribe, { name: name(box) });
    }
    return site;
  }

  test("LSUB", () => {
    using site = subscribed();
    assert.equal(
      list(site, "alice", "*", { selectSubscribed: true, lsub: true }),
      "() INBOX/x/y\n(\\HasChildren) shared/a\n() shared/a/b",
    );
    assert.equal(
      list(site, "alice", "%", { selectSubscribed: true, lsub: true }),
      "(\\HasChildren \\Noselect) INBOX\n(\\HasChildren \\Noselect) shared",
    );
    const all = list(site, "alice", "g*", { selectSubscribed: true, lsub: true, lsubMissing: true });
    assert.equal(all, "(\\NonExistent) gone/box");
  });

  test("LSUB under altnamespace: own mailboxes are no children of INBOX", () => {
    using site = new Site(dotAlt, shards);
    create(site, "cyrus", "user.alice", "user.alice.Work", "user.alice.INBOX.foo");
    for (const box of ["user.alice", "user.alice.Work"]) site.ask("alice", mailboxVerbs.subscribe, { name: name(box) });
    assert.equal(list(site, "alice", "*", { selectSubscribed: true, lsub: true }), "() INBOX\n() Work");
    site.ask("alice", mailboxVerbs.subscribe, { name: name("user.alice.INBOX.foo") });
    assert.equal(list(site, "alice", "INBOX", { selectSubscribed: true, lsub: true }), "(\\HasChildren) INBOX");
  });

  test("LIST (SUBSCRIBED), also RECURSIVEMATCH; RETURN (SUBSCRIBED)", () => {
    using site = subscribed();
    assert.equal(
      list(site, "alice", "*", { selectSubscribed: true }),
      expected(`(\\Subscribed \\HasNoChildren) INBOX/x/y
        (\\Subscribed \\HasNoChildren \\NonExistent) gone/box
        (\\Subscribed \\HasChildren) shared/a
        (\\Subscribed \\HasNoChildren) shared/a/b`),
    );
    assert.equal(list(site, "alice", "%", { selectSubscribed: true }), "");
    assert.equal(
      list(site, "alice", "%", { selectSubscribed: true, recursiveMatch: true }),
      expected(`(\\HasChildren) INBOX CHILDINFO
        (\\HasChildren \\NonExistent) gone CHILDINFO
        (\\HasChildren) shared CHILDINFO`),
    );
    assert.equal(
      list(site, "alice", "shared/%", { selectSubscribed: true, recursiveMatch: true }),
      "(\\Subscribed \\HasChildren) shared/a CHILDINFO",
    );
    assert.equal(list(site, "alice", "shared/%", { returnSubscribed: true }), "(\\Subscribed \\HasChildren) shared/a");
  });
});

test("the walk finds what looking at every name would find", () => {
  using site = new Site({}, shards);
  create(site, "cyrus", "user.alice", "user.bob");
  const boxes = "a a.b a.b.c a-x ab b b.a INBOX.q zz.y.x".split(" ");
  create(site, "cyrus", ...boxes.map((box) => `user.alice.${box}`).filter((box) => !site.entry(box)));
  create(site, "cyrus", "a.b", "a-x", "c.d.e");
  grant(site, "user.alice.a.b.c", "bob", "lr");
  grant(site, "user.alice.b", "bob", "lr");
  const pattern = fc
    .array(fc.constantFrom("INBOX", "inbox", "user", "alice", "a", "b", "/", "/", "%", "*", "c"), { maxLength: 6 })
    .map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.constantFrom("alice", "bob", "cyrus"), pattern, (user, text) => {
      const space = site.namespace(user);
      const access = site.access(user);
      const visible = site
        .all()
        .filter((entry) => entry.mbox !== undefined && access.rights(entry.name, entry.acl) & Right.lookup)
        .flatMap((entry) => space.toExternal(entry.name) ?? []);
      const matcher = new ListPattern(text, "/");
      const wanted = new Set<string>();
      for (const shown of visible) {
        const isInbox = user !== "cyrus" && /^INBOX(\/|$)/.test(shown);
        const isMatch = matcher.matches(shown, isInbox);
        if (isMatch) wanted.add(shown);
        if (!isMatch || text.endsWith("%"))
          for (const length of matcher.matchingParents(shown, isInbox)) wanted.add(shown.slice(0, length));
      }
      const items = find(site, user, { reference: "", patterns: [text] });
      assert.deepEqual(items.map((item) => item.name).toSorted(), [...wanted].toSorted());
      for (const { name: shown, hasChildren, noSelect } of items) {
        assert.equal(
          hasChildren,
          visible.some((other) => other.startsWith(`${shown}/`)),
          shown,
        );
        assert.equal(noSelect, !visible.includes(shown), shown);
      }
    }),
    { numRuns: 400 },
  );
});

/** The code of the refusal. */
function refusal(run: () => unknown): string {
  try {
    run();
    return "OK";
  } catch (error) {
    if (error instanceof MailError) return error.code;
    throw error;
  }
}

describe("reading about one mailbox", () => {
  test("rights and ACLs", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.bob", "shared");
    grant(site, "shared", "alice", "lrswipkxte");
    site.reader.view((snapshot) => {
      const rights = (user: string, box: string): string =>
        refusal(() => myRights(snapshot, site.access(user), name(box)));
      assert.equal(myRights(snapshot, site.access("alice"), name("user.alice")), "lrswipkxtecdan");
      assert.equal(myRights(snapshot, site.access("cyrus"), name("user.alice")), "la");
      assert.equal(rights("bob", "user.alice"), "mailboxNonexistent");
      assert.equal(rights("bob", "nosuch"), "mailboxNonexistent");
      const acl = mailboxAcl(snapshot, site.access("cyrus"), name("shared"));
      assert.equal(
        acl.map(({ identifier, rights: r }) => `${identifier} ${r}`).join(" "),
        "anyone lrs alice lrswipkxtecd",
      );
      assert.equal(
        refusal(() => mailboxAcl(snapshot, site.access("alice"), name("shared"))),
        "permissionDenied",
      );
      assert.equal(
        refusal(() => mailboxAcl(snapshot, site.access("bob"), name("user.alice"))),
        "mailboxNonexistent",
      );
      const { always } = mailboxListRights(snapshot, site.access("alice"), name("user.alice"), "ALICE", site.rules);
      assert.equal(always, "lkxcan");
      assert.equal(
        refusal(() => mailboxListRights(snapshot, site.access("bob"), name("shared"), "alice", site.rules)),
        "permissionDenied",
      );
    });
  });

  test("quota", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.alice.Work", "user.bob");
    const limits = { STORAGE: 100, MESSAGE: null, "X-ANNOTATION-STORAGE": null, "X-NUM-FOLDERS": null };
    site.ask("cyrus", mailboxVerbs.setQuota, { root: name("user.alice"), limits });
    site.reader.view((snapshot) => {
      const root = (user: string, box: string): unknown => quotaRootOf(snapshot, site.access(user), name(box))?.root;
      assert.equal(root("alice", "user.alice.Work"), "user.alice");
      assert.equal(root("cyrus", "user.alice"), "user.alice");
      assert.equal(root("bob", "user.bob"), undefined);
      assert.equal(
        refusal(() => root("bob", "user.alice")),
        "mailboxNonexistent",
      );
      assert.equal(quotaOf(snapshot, site.access("cyrus"), name("user.alice")).storageLimit, 100);
      assert.equal(
        refusal(() => quotaOf(snapshot, site.access("alice"), name("user.alice"))),
        "permissionDenied",
      );
      assert.equal(
        refusal(() => quotaOf(snapshot, site.access("cyrus"), name("user.bob"))),
        "quotaRootNonexistent",
      );
    });
  });

  test("STATUS, for the owner and for somebody with a seen set of his own", () => {
    using site = new Site({}, shards);
    create(site, "cyrus", "user.alice", "user.bob");
    site.fill("user.alice", 5, 100);
    grant(site, "user.alice", "bob", "lr");
    const { uniqueId, uidValidity } = site.entry("user.alice")!;
    writeSeen(site.db, "bob", uniqueId, { lastRead: 0, recentUid: 3, lastChange: 0, uids: "1:2,4,9" });
    site.reader.view((snapshot) => {
      const of = (user: string): Record<string, unknown> => ({
        ...mailboxStatus(snapshot, site.access(user), name("user.alice"), { recent: true, unseen: true }),
      });
      const owner = of("alice");
      assert.deepEqual([owner["messages"], owner["recent"], owner["unseen"], owner["uidNext"]], [5, 5, 5, 6]);
      assert.deepEqual([owner["sizeOctets"], owner["uidValidity"], owner["mailboxId"]], [500, uidValidity, uniqueId]);
      const bob = of("bob");
      assert.deepEqual([bob["messages"], bob["recent"], bob["unseen"]], [5, 2, 2]);
      assert.equal(
        refusal(() => of("cyrus")),
        "permissionDenied",
      );
      assert.equal(
        refusal(() => of("carol")),
        "mailboxNonexistent",
      );
    });
  });
});

test("a step is the shorter, the more a pattern costs", () => {
  using site = new Site({}, shards);
  create(site, "cyrus", "user.alice");
  const boxes = Array.from({ length: 30 }, (_, n) => `user.alice.${n + 10}`);
  create(site, "alice", ...boxes);
  for (const box of boxes) site.ask("alice", mailboxVerbs.subscribe, { name: name(box) });
  const steps = (more: Partial<ListRequest>): { steps: number; names: readonly string[] } => {
    const request = { reference: "", patterns: ["INBOX/%"], ...more };
    const lister = new MailboxLister(site.namespace("alice"), site.access("alice"), request);
    let count = 1;
    while (!site.reader.view((snapshot) => lister.step(snapshot))) count++;
    return { steps: count, names: lister.items.map((item) => item.name) };
  };
  const heavy = [...Array.from({ length: 99 }, () => `*${"a*/*".repeat(200)}b%`), "INBOX/%"];
  for (const subscribed of [false, true]) {
    const light = steps({ selectSubscribed: subscribed });
    assert.equal(light.steps, 1);
    assert.equal(light.names.length, 30);
    const slow = steps({ selectSubscribed: subscribed, patterns: heavy });
    assert.deepEqual(slow.names, light.names);
    assert.ok(slow.steps > 15, `${slow.steps} steps`);
  }
});
