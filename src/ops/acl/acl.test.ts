import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import type { MboxName, UserId } from "../../formats/ids.ts";
import { fuzz } from "../../base/fuzz.ts";
import { defaultNameSettings } from "../names/index.ts";
import {
  aclFromOption,
  canonicalIdentifier,
  changedRights,
  entryRights,
  parseAcl,
  printAcl,
  withEntry,
} from "./acl.ts";
import { target } from "./acl.fuzz.ts";
import { Access, type AclSettings, defaultAclSettings } from "./caller.ts";
import { listRights } from "./list-rights.ts";
import {
  ALL_RIGHTS,
  ALL_STANDARD_RIGHTS,
  defaultLegacyRights,
  legacyRights,
  parseRights,
  printRights,
  Right,
} from "./rights.ts";

/** What SETACL makes of an ACL: `"identifier rights"` with an optional sign, one after the other. */
function setAcl(acl: string, ...commands: readonly string[]): string {
  let entries = parseAcl(acl);
  for (const command of commands) {
    const [identifier = "", text = ""] = command.split(" ");
    const change = text.startsWith("+") ? "add" : text.startsWith("-") ? "remove" : "replace";
    const rights = parseRights(change === "replace" ? text : text.slice(1));
    assert.ok(typeof rights === "number");
    entries = withEntry(entries, identifier, changedRights(entryRights(entries, identifier), change, rights));
  }
  return printAcl(entries).replaceAll("\t", " ").trim();
}

function rightsOf(
  acl: string,
  caller: { user?: string; groups?: readonly string[]; admin?: boolean },
  mailbox = "shared",
  settings: AclSettings = defaultAclSettings,
): string {
  const { user, groups = [], admin = false } = caller;
  const who = { userId: user as UserId | undefined, groups, isAdmin: admin, sessionId: "" };
  const access = new Access(who, settings, defaultNameSettings);
  const stored = acl === "" ? "" : `${acl.replaceAll(" ", "\t")}\t`;
  return printRights(access.rights(mailbox as MboxName, stored));
}

/** Letters read and printed again. */
function again(text: string, deleteright = "c"): string {
  const legacy = legacyRights(deleteright);
  const rights = parseRights(text, legacy);
  return typeof rights === "number" ? printRights(rights, legacy) : `bad ${rights}`;
}

/** LISTRIGHTS's answer, without mailbox and identifier. */
function line(owner: string | undefined, identifier: string | undefined): string {
  const mailbox = { name: "user.alice" as MboxName, owner: owner as UserId | undefined };
  const { always, optional } = listRights(mailbox, identifier, defaultAclSettings);
  return [always || '""', ...optional].join(" ");
}

describe("rights", () => {
  test("c and d are added where a right of theirs is there, and count where none is named", () => {
    assert.equal(again("lrswipkxtean"), "lrswipkxtecdan");
    assert.equal(again("lrc"), "lrkxc");
    assert.equal(again("lrsd"), "lrsted");
    assert.equal(again("lrswkc"), "lrswkc");
    assert.equal(again("xc"), "xc");
    assert.equal(again("ed0123"), "ed0123");
    assert.equal(again("lrscd"), "lrskxtecd");
    assert.equal(again("7rl"), "lr7");
    assert.equal(again("all"), "la");
    assert.equal(again("lrz"), "bad z");
    assert.equal(again("+lr"), "bad +");
    assert.equal(again("L"), "bad L");
    assert.equal(again(""), "");
    assert.equal(again("c", "d"), "kc");
    assert.equal(again("d", "d"), "xted");
    assert.equal(again("x", "d"), "xd");
    assert.equal(again("c", "e"), "kc");
    assert.equal(again("e", "e"), "xed");
  });

  test("what is printed is read back, for every set and deleteright", () => {
    fc.assert(
      fc.property(fc.nat(ALL_RIGHTS), fc.constantFrom("c", "d", "n"), (rights, deleteright) => {
        const legacy = legacyRights(deleteright);
        const given =
          legacy.alsoDelete === undefined || !(rights & Right.annotate) ? rights : rights | Right.deleteMailbox;
        assert.equal(parseRights(printRights(given, legacy), legacy), given);
      }),
    );
  });

  test("standard rights are all but the local ones", () => {
    assert.equal(printRights(ALL_STANDARD_RIGHTS), "lrswipkxtecdan");
    assert.equal(printRights(ALL_RIGHTS), "lrswipkxtecdan0123456789");
  });
});

describe("stored ACLs", () => {
  test("entries keep their order, as in a real Cyrus", () => {
    const start = "anyone\tlrs\talice\tlrswipkxtecd\t";
    const wanted = "anyone p alice lrswipkxtecd -bob w bob lrsted group:staff lrkxc";
    assert.equal(setAcl(start, "-bob w", "bob +lr", "bob -r", "bob lrsd", "group:staff lrc", "anyone p"), wanted);
    assert.equal(setAcl(start, "nosuch ", "anyone -lrs"), "alice lrswipkxtecd");
    assert.equal(setAcl("bob\tlrskd\t", "bob -c"), "bob lrsted");
    assert.equal(setAcl("bob\t0123\t", "bob +d", "bob -t"), "bob ed0123");
  });

  test("parse and print are twins", () => {
    const identifier = fc.string({ unit: fc.constantFrom(..."ab-@:."), minLength: 1, maxLength: 5 });
    const entry = fc.record({ identifier, rights: fc.integer({ min: 1, max: ALL_RIGHTS }) });
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (e) => e.identifier, maxLength: 4 }), (entries) => {
        assert.deepEqual(
          parseAcl(printAcl(entries)).map((e) => ({ ...e })),
          entries.map((e) => ({ ...e })),
        );
      }),
    );
    assert.deepEqual(parseAcl("a\tlQr\tb"), [{ identifier: "a", rights: Right.lookup | Right.read }]);
  });

  test("identifiers", () => {
    const plain = { toLower: true, defaultDomain: "example.com" };
    const of = (text: string): string | undefined => canonicalIdentifier(text, plain);
    assert.equal(of("ALICE2"), "alice2");
    assert.equal(of("-Bob"), "-bob");
    assert.equal(of("a b"), "a b");
    assert.equal(of("group:Staff"), "group:Staff");
    assert.equal(of("bob@Example.com"), "bob");
    assert.equal(of("jane@example.org"), "jane@example.org");
    for (const bad of [
      "",
      "-",
      "--x",
      "bad/id",
      "foo%bar",
      "a*",
      "a&b",
      "a?",
      "a\tb",
      "a\r\n",
      "é",
      "group:",
      "x".repeat(256),
    ]) {
      assert.equal(of(bad), undefined, bad);
    }
    assert.equal(canonicalIdentifier("Alice", { toLower: false, defaultDomain: undefined }), "Alice");
  });

  test("defaultacl", () => {
    assert.equal(aclFromOption("anyone lrs"), "anyone\tlrs\t");
    assert.equal(aclFromOption("  anyone   lrs  group:x lrc odd"), "anyone\tlrs\tgroup:x\tlrkxc\t");
    assert.equal(aclFromOption("anyone zz"), "");
  });
});

describe("effective rights", () => {
  test("positive less negative; anyone, anonymous, groups", () => {
    assert.equal(rightsOf("anyone lrs", { user: "bob" }), "lrs");
    assert.equal(rightsOf("anyone lrs", {}), "lrs");
    assert.equal(rightsOf("anonymous lr bob w", {}), "lr");
    assert.equal(rightsOf("anonymous lr bob w", { user: "bob" }), "w");
    assert.equal(rightsOf("anyone lrs -bob s bob w", { user: "bob" }), "lrw");
    assert.equal(rightsOf("-anyone r bob lr", { user: "bob" }), "l");
    assert.equal(rightsOf("group:staff lr", { user: "bob", groups: ["staff"] }), "lr");
    assert.equal(rightsOf("group:staff lr -group:staff r", { user: "bob", groups: ["staff"] }), "l");
    assert.equal(rightsOf("group:staff lr", { user: "bob" }), "");
    assert.equal(rightsOf("", { user: "bob" }), "");
  });

  test("owners and administrators", () => {
    assert.equal(rightsOf("", { user: "alice" }, "user.alice"), "lkxcan");
    assert.equal(rightsOf("", { user: "alice" }, "user.alice.Work"), "lkxcan");
    assert.equal(rightsOf("-alice x", { user: "alice" }, "user.alice"), "lkcan");
    assert.equal(rightsOf("", { user: "alice" }, "user.alice2"), "");
    assert.equal(rightsOf("alice lr", { user: "alice" }, "DELETED.user.alice.X.6B0454A8"), "lr");
    assert.equal(rightsOf("", { user: "cyrus", admin: true }, "user.alice"), "la");
    assert.equal(rightsOf("-anyone la", { user: "cyrus", admin: true }, "user.alice"), "la");
    const implied = { ...defaultAclSettings, adminImpliesWrite: true };
    assert.equal(rightsOf("", { user: "cyrus", admin: true }, "user.alice", implied), "lwa");
    assert.equal(rightsOf("bob a", { user: "bob" }, "user.alice", implied), "wa");
  });

  test("LISTRIGHTS", () => {
    assert.equal(line("alice", "alice"), "lkxcan r s w i p t e d 0 1 2 3 4 5 6 7 8 9");
    assert.equal(line("alice", "bob"), "p l r s w i k x t e c d a n 0 1 2 3 4 5 6 7 8 9");
    assert.equal(line(undefined, "alice"), '"" l r s w i p k x t e c d a n 0 1 2 3 4 5 6 7 8 9');
    assert.equal(line("alice", undefined), '""');
    assert.equal(printRights(parseRights("lkxan", defaultLegacyRights) as number), "lkxcan");
  });
});

test("fuzz", () => {
  fuzz(target, { seed: 7 });
});
