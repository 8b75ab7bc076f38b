import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import type { MboxName, UserId } from "../../formats/ids.ts";
import {
  ancestorNames,
  deletedAt,
  deletedNameOf,
  inboxOf,
  isBelow,
  isDeletedName,
  isInboxName,
  ownerOfName,
  parentName,
  undeletedName,
} from "./internal.ts";
import { isValid as isMailboxUtf7 } from "../../formats/mutf7/index.ts";
import { Namespace } from "./namespace.ts";
import { defaultNameSettings, type NameSettings } from "./settings.ts";
import { isPathSafe, isPossibleName, isValidNewName } from "./validate.ts";

const name = (text: string): MboxName => text as MboxName;
const slash = (settings: Partial<NameSettings> = {}): NameSettings => ({
  ...defaultNameSettings,
  altNamespace: false,
  ...settings,
});
const dot = (settings: Partial<NameSettings> = {}): NameSettings => slash({ separator: ".", ...settings });
const alt = { altNamespace: true };
const virtual = { virtualDomains: "userid", defaultDomain: "example.com" } as const;
const viewer = (settings: NameSettings, userId: string, adminView = false): Namespace =>
  new Namespace(settings, { userId: userId as UserId, adminView });

function reply(space: Namespace): unknown[] {
  const { separator, personal, otherUsers, shared } = space.namespaceReply;
  return [separator, personal, otherUsers, shared];
}

/** `internal = external`, both ways; `internal -> external` and `external <- internal` one way; "-" for none. */
function check(space: Namespace, table: string): void {
  for (const line of table.trim().split("\n")) {
    const [, left = "", arrow = "", right = ""] = /^(.*?) (=|->|<-) ?(.*)$/.exec(line.trim()) ?? [];
    if (arrow !== "<-") assert.equal(space.toExternal(name(left)) ?? "-", right, `external form of ${left}`);
    if (arrow !== "->") assert.equal(space.toInternal(right) ?? "-", left, `internal form of ${right}`);
  }
}

describe("names as a viewer sees them", () => {
  test("standard namespace, separator /", () => {
    check(
      viewer(slash(), "alice"),
      `user.alice = INBOX
       user.alice.Work = INBOX/Work
       user.alice.a^b = INBOX/a.b
       user.alice.INBOX.foo = INBOX/INBOX/foo
       user.bob.x = user/bob/x
       user.john^doe = user/john.doe
       bad.name = bad/name
       user.alice <- inbox
       user.alice.low <- inBox/low
       user.alice <- user/alice
       user.alice.self <- user/alice/self
       bad.name <- bad//name
       x <- /x/
       - <- user
       - <- user/
       - <- a^b
       - <- INBOX/a^b
       - <- 
       - <- /
       - <- a!b
       - <- a\tb
       - <- a%b
       - <- DELETED/x
       DELETED.user.alice.6B0454A8 -> -`,
    );
  });

  test("alternate namespace, separator ., as Cyrus 3.6 shows it", () => {
    check(
      viewer(dot(alt), "alice"),
      `user.alice = INBOX
       user.alice.INBOX.foo = INBOX.foo
       user.alice.Work = Work
       user.alice.Work^dot = Work^dot
       user.alice.user = user
       user.alice.user.bob = user.bob
       user.alice.INBOX = Alt Folders.INBOX
       user.alice.Inbox.bar = Alt Folders.Inbox.bar
       user.alice.inbox = Alt Folders.inbox
       user.alice.Other Users = Alt Folders.Other Users
       user.alice.Other Users.x = Alt Folders.Other Users.x
       user.alice.Shared Folders = Alt Folders.Shared Folders
       user.alice.Alt Folders = Alt Folders.Alt Folders
       user.alice.Alt Folders.y = Alt Folders.Alt Folders.y
       user.bob = Other Users.bob
       shared.x = Shared Folders.shared.x
       Other Users.alice = Shared Folders.Other Users.alice
       user.alice.DELETED.x = DELETED.x
       user.alice <- Other Users.alice
       user.alice.Work <- Other Users.alice.Work
       user.alice.INBOX.sub <- inbox.sub
       user.alice.other users.bob <- other users.bob
       - <- Alt Folders.Work
       - <- Alt Folders
       - <- Other Users
       - <- Shared Folders
       - <- Shared Folders.user.bob
       - <- a/b`,
    );
    assert.ok(viewer(dot(alt), "alice").isNoInferiors(name("user.alice.INBOX")));
    assert.ok(!viewer(dot(alt), "alice").isNoInferiors(name("user.alice.inbox")));
    assert.ok(!viewer(dot(), "alice").isNoInferiors(name("user.alice.INBOX")));
  });

  test("administrators see everything, in the standard form", () => {
    for (const settings of [slash(), slash(alt)]) {
      check(
        viewer(settings, "cyrus", true),
        `user.alice.a^b = user/alice/a.b
         DELETED.user.alice.Work.6B045482 = DELETED/user/alice/Work/6B045482
         shared.lists = shared/lists
         user.cyrus = user/cyrus
         user.cyrus <- INBOX
         user.cyrus.x <- Inbox/x
         Other Users.bob = Other Users/bob
         user.alice@example^org = user/alice@example.org`,
      );
    }
  });

  test("virtual domains", () => {
    check(
      viewer(slash(virtual), "cyrus", true),
      `example.org!user.jane.A^b = user/jane/A.b@example.org
       user.bob = user/bob
       user.bob <- user/bob@example.com
       example.org!shared.x <- shared/x@Example.ORG
       example.org!DELETED.user.jane.6B0454A8 = DELETED/user/jane/6B0454A8@example.org
       a@b = a@b@example.com
       - <- user/x@bad domain
       - <- user/x@../..
       - <- user/x@`,
    );
    check(
      viewer(slash(virtual), "dadm@example.org", true),
      `example.org!user.joe = user/joe@example.org
       example.org!user.joe <- user/joe
       - <- user/joe3@other.org
       - <- user/joe3@example.com
       user.joe -> -
       other.org!shared -> -`,
    );
    check(
      viewer(slash({ ...virtual, ...alt }), "jane@example.org"),
      `example.org!user.jane = INBOX
       example.org!user.jane.A^b = A.b
       example.org!user.joe = Other Users/joe
       example.org!shared = Shared Folders/shared
       shared -> -
       user.alice -> -
       other.org!user.x -> -`,
    );
    check(
      viewer(dot({ ...virtual, ...alt, crossDomains: true }), "jane@example.org"),
      `example.org!user.joe.A = Other Users.joe@example^org.A
       user.bob = Other Users.bob@example^com
       other.org!user.x.y = Other Users.x@other^org.y
       other.org!shared -> -
       example.org!user.joe <- Other Users.joe`,
    );
    check(
      viewer(slash({ ...virtual, ...alt, crossDomains: true, crossDomainsOnlyOther: true }), "jane@example.org"),
      `example.org!user.joe.A = Other Users/joe/A
       user.bob = Other Users/bob@example.com`,
    );
  });

  test("NAMESPACE", () => {
    assert.deepEqual(reply(viewer(slash(), "a")), ["/", "INBOX/", "user/", ""]);
    assert.deepEqual(reply(viewer(dot(alt), "a")), [".", "", "Other Users.", "Shared Folders."]);
    assert.deepEqual(reply(viewer(slash(alt), "cyrus", true)), ["/", undefined, "user/", ""]);
  });

  test("anonymous sees shared mailboxes only", () => {
    const space = new Namespace(slash(), { userId: undefined, adminView: false });
    assert.equal(space.toInternal("INBOX"), undefined);
    assert.equal(space.toExternal(name("shared")), "shared");
  });
});

describe("internal names", () => {
  test("owner, parent, inbox", () => {
    assert.equal(ownerOfName(name("user.john^doe.Sent")), "john.doe");
    assert.equal(ownerOfName(name("example.org!user.jane")), "jane@example.org");
    assert.equal(ownerOfName(name("DELETED.user.fred.X.6B0454A8")), "fred");
    assert.equal(ownerOfName(name("example.org!DELETED.user.jane.6B0454A8")), "jane@example.org");
    assert.equal(ownerOfName(name("shared.user.fred")), undefined);
    assert.equal(ownerOfName(name("users.fred")), undefined);
    assert.equal(parentName(name("user.fred.A.B")), "user.fred.A");
    assert.equal(parentName(name("user.fred")), undefined);
    assert.equal(parentName(name("example.org!shared")), undefined);
    assert.deepEqual(ancestorNames(name("user.fred.A.B.C")), ["user.fred", "user.fred.A", "user.fred.A.B"]);
    assert.ok(isInboxName(name("example.org!user.jane")));
    assert.ok(!isInboxName(name("user")));
    assert.ok(!isInboxName(name("user.")));
    assert.ok(isBelow(name("user.fred.A"), name("user.fred")));
    assert.ok(!isBelow(name("user.frederic"), name("user.fred")));
  });

  test("deleted names", () => {
    assert.equal(deletedNameOf(name("user.fred.X"), 0x6b0454a8), "DELETED.user.fred.X.6B0454A8");
    assert.equal(deletedNameOf(name("example.org!user.jane"), 255), "example.org!DELETED.user.jane.000000FF");
    assert.equal(undeletedName(name("example.org!DELETED.user.jane.000000FF")), "example.org!user.jane");
    assert.equal(deletedAt(name("DELETED.user.fred.X.6B0454A8")), 0x6b0454a8);
    assert.ok(isDeletedName(name("DELETED")));
    assert.ok(!isDeletedName(name("DELETEDx.user")));
  });

  test("users whose names would be somebody else's have no mailboxes", () => {
    for (const userId of [
      "",
      "a^b",
      "a/b",
      "a!b",
      "..",
      ".",
      "anyone",
      "anonymous",
      "group:x",
      "-bob",
      "é",
      "a\tb",
      "a%b",
      "a*",
    ]) {
      assert.equal(inboxOf(userId, dot()), undefined, userId);
    }
    assert.equal(inboxOf("a.b", dot()), "user.a^b");
    assert.equal(inboxOf("x".repeat(81), dot()), undefined);
    assert.equal(inboxOf("jane@example.org", slash(virtual)), "example.org!user.jane");
    assert.equal(inboxOf("jane@Example.org", slash(virtual)), undefined);
    assert.equal(inboxOf("jane@example.com", slash(virtual)), undefined);
    assert.equal(inboxOf("jane@example.org", slash()), "user.jane@example^org");
  });

  test("names that may be given", () => {
    const valid = (text: string, settings = slash()): boolean => isValidNewName(name(text), settings);
    for (const good of [
      "user.alice.a*b",
      "shared",
      "user.alice.Entw&APw-rfe",
      "a.&-",
      "x y",
      "user.alice.$x",
      "user.alice.~x",
      "#x",
    ]) {
      assert.ok(valid(good), good);
    }
    const bad =
      "|user|user.|.x|x.|a..b|~x|$x|user.anyone|user.anonymous|user.%x|a/b|a&b|user.a.&AOk|user.a.&AOk-&AOk-|user.a.&AGE-|a;b";
    for (const text of bad.split("|")) assert.ok(!valid(text), text);
    for (const text of [
      "DELETED",
      "DELETED.x",
      "DELETED.user.foo.6B0454A8",
      "inbox",
      "Inbox.x",
      "user.alice.^^",
      "^",
      "user.^",
      "é",
      "a\u0000",
    ]) {
      assert.ok(!valid(text), text);
    }
    assert.ok(!valid("example.org!shared"));
    assert.ok(valid("example.org!shared", slash(virtual)));
    assert.ok(!valid("EXAMPLE.org!shared", slash(virtual)));
    assert.ok(valid(`a.${"x".repeat(488)}`));
    assert.ok(!valid(`a.${"x".repeat(489)}`));
  });

  test("modified UTF-7 has one spelling", () => {
    for (const good of ["", "a", "&-", "&-&-", "&AOk-", "&AOk-x&AOk-", "&2D3cqQ-", "&AOkA6g-", "&U,BTFw-"]) {
      assert.ok(isMailboxUtf7(good), good);
    }
    for (const bad of [
      "&",
      "&A",
      "&AOk",
      "&AGE-",
      "&AOl",
      "&AO-",
      "&2D0-",
      "&3Kk-",
      "&AOk-&AOo-",
      "&AOk=-",
      "&AO l-",
      "&AOm-",
    ]) {
      assert.ok(!isMailboxUtf7(bad), bad);
    }
  });
});

const level = fc.oneof(
  fc.constantFrom(
    "INBOX",
    "inbox",
    "Inbox",
    "user",
    "DELETED",
    "Other Users",
    "Shared Folders",
    "Alt Folders",
    "alice",
    "bob",
  ),
  fc.constantFrom("^", "^^", "a^b", "a@b", "x@example^org", "6B0454A8", "&-", "&AOk-", "~", "$", " "),
  fc.string({ unit: fc.constantFrom(..."abAB^ @&-*("), minLength: 1, maxLength: 4 }),
);
const internalName = fc
  .tuple(fc.constantFrom("", "", "example.org!", "other.net!"), fc.array(level, { minLength: 1, maxLength: 4 }))
  .map(([domain, levels]) => name(domain + levels.join(".")));
const someSettings = fc.record({
  separator: fc.constantFrom("/" as const, "." as const),
  altNamespace: fc.boolean(),
  userPrefix: fc.constantFrom("Other Users", "user", "a"),
  sharedPrefix: fc.constantFrom("Shared Folders", "b"),
  altPrefix: fc.constantFrom("Alt Folders", "B"),
  virtualDomains: fc.constantFrom("off" as const, "userid" as const, "on" as const),
  defaultDomain: fc.constantFrom("internal", "example.com"),
  crossDomains: fc.boolean(),
  crossDomainsOnlyOther: fc.boolean(),
  deletedPrefix: fc.constantFrom("DELETED", "b"),
});
const someViewer = fc
  .tuple(someSettings, fc.constantFrom("alice", "bob", "a.b", "alice@example.org", undefined), fc.boolean())
  .map(([settings, userId, adminView]) => {
    const crossDomains = settings.crossDomains && settings.virtualDomains !== "off";
    return new Namespace({ ...settings, crossDomains }, { userId: userId as UserId | undefined, adminView });
  });
const external = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."abAB^/. @&-!\u0000\r\n%é"), maxLength: 12 }),
  fc
    .tuple(
      fc.array(level, { maxLength: 4 }),
      fc.constantFrom("/", "."),
      fc.constantFrom("", "@example.org", "@internal", "@"),
    )
    .map(([levels, separator, suffix]) => levels.join(separator) + suffix),
);

describe("for every setting and viewer", () => {
  test("what is shown means what it was", () => {
    fc.assert(
      fc.property(someViewer, internalName, (space, internal) => {
        if (!isPossibleName(internal)) return;
        const isVirtual = space.settings.virtualDomains !== "off";
        if (!isVirtual && internal.includes("!")) return;
        const shown = space.toExternal(internal);
        if (shown !== undefined) assert.equal(space.toInternal(shown), internal);
      }),
      { numRuns: 5000 },
    );
  });

  test("a name that is accepted is shown in a form that means the same, or not at all", () => {
    fc.assert(
      fc.property(someViewer, external, (space, text) => {
        const internal = space.toInternal(text);
        if (internal === undefined) return;
        assert.ok(isPossibleName(internal), internal);
        assert.match(internal, /^[ -~]+$/);
        const shown = space.toExternal(internal);
        if (shown !== undefined) assert.equal(space.toInternal(shown), internal);
      }),
      { numRuns: 5000 },
    );
  });

  test("two accepted names for one mailbox differ only in the ways that are promised", () => {
    const { settings } = viewer(slash(), "alice");
    assert.ok(settings);
    fc.assert(
      fc.property(someViewer, external, (space, text) => {
        const internal = space.toInternal(text);
        if (internal === undefined) return;
        const shown = space.toExternal(internal);
        if (shown === undefined || shown === text) return;
        const { separator } = space.settings;
        const folded = text
          .split(separator)
          .filter((l) => l !== "")
          .map((l, n) => (n === 0 && l.toUpperCase() === "INBOX" ? "INBOX" : l))
          .join(separator);
        const isInboxSpelling = folded === shown;
        const isOwnThroughUsers = space.groupOf(internal)?.startsWith("own") && !folded.startsWith("INBOX");
        const isDomainSpelling = space.settings.virtualDomains !== "off";
        const isAdminsInbox = space.viewer.adminView && folded.startsWith("INBOX");
        assert.ok(isInboxSpelling || isOwnThroughUsers || isDomainSpelling || isAdminsInbox, `${text} and ${shown}`);
      }),
      { numRuns: 5000 },
    );
  });

  test("a name that may be given is path-safe and belongs to one owner, whose INBOX it is or is below", () => {
    fc.assert(
      fc.property(someSettings, internalName, (settings, internal) => {
        if (!isValidNewName(internal, settings)) return;
        assert.ok(isPathSafe(internal));
        const owner = ownerOfName(internal, settings.deletedPrefix);
        if (owner === undefined) return;
        const inbox = inboxOf(owner, settings);
        // A user of the default domain is written without it, so nobody owns such a tree.
        if (inbox === undefined) assert.fail(`${internal} of ${owner}`);
        assert.ok(inbox === internal || isBelow(internal, inbox), `${internal} in ${inbox}`);
      }),
      { numRuns: 5000 },
    );
  });

  test("different users have different INBOXes, none below another", () => {
    const userId = fc.string({ unit: fc.constantFrom(..."ab.^@/!"), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(someSettings, userId, userId, (settings, one, two) => {
        const first = inboxOf(one, settings);
        const second = inboxOf(two, settings);
        if (first === undefined || second === undefined || one === two) return;
        assert.notEqual(first, second);
        assert.ok(!isBelow(first, second) && !isBelow(second, first));
        assert.equal(ownerOfName(first, settings.deletedPrefix), one);
      }),
      { numRuns: 5000 },
    );
  });
});
