import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CanonicalOptions, canonicalUserid } from "./canonical-userid.ts";

const defaults: CanonicalOptions = {
  imapmagicplus: false,
  virtdomains: "off",
  defaultdomain: "internal",
  loginrealms: "",
  username_tolower: true,
  unixhierarchysep: true,
};

/** `login -> userid[ +view]` or the kind of refusal. */
function map(login: string, options: Partial<CanonicalOptions> & { serverDomain?: string } = {}): string {
  const result = canonicalUserid(login, { ...defaults, ...options });
  return result.kind === "user" ? `${result.userid} ${result.magicPlus}`.trim() : result.kind;
}

test("virtdomains off: a realm must be in loginrealms", () => {
  assert.equal(map("ALICE"), "alice");
  assert.equal(map("ALICE", { username_tolower: false }), "ALICE");
  assert.equal(map("alice@mail.example.com"), "foreignRealm");
  assert.equal(map("alice@EXAMPLE.com", { loginrealms: "a.org example.com" }), "alice@example.com");
});

test("virtdomains userid and on", () => {
  const userid = { virtdomains: "userid" as const };
  assert.equal(map("alice@Example.org", userid), "alice@example.org");
  assert.equal(map("alice%example.org", userid), "alice@example.org");
  assert.equal(map("alice@internal", userid), "alice");
  assert.equal(map("alice", userid), "alice");
  assert.equal(map("alice", { virtdomains: "on", serverDomain: "example.org" }), "alice@example.org");
  assert.equal(map("alice", { virtdomains: "on", serverDomain: "INTERNAL" }), "alice");
  assert.equal(map("a@b@c", userid), "invalid");
  assert.equal(map("@b", userid), "invalid");
  assert.equal(map("a@", userid), "invalid");
  assert.equal(map("a@b..c", userid), "invalid");
});

test("imapmagicplus", () => {
  const magic = { imapmagicplus: true };
  assert.equal(map("alice+dav", magic), "alice +dav");
  assert.equal(map("alice+", magic), "alice +");
  assert.equal(map("alice+x@b.org", { ...magic, virtdomains: "userid" }), "alice@b.org +x");
  assert.equal(map("+x", magic), "invalid");
  assert.equal(map("alice+dav"), "alice+dav");
});

test("what no userid may be", () => {
  const bad = [
    "",
    "a\0b",
    "a\rb",
    "a\tb",
    "a\x7f",
    "jos\u00e9",
    "a%b",
    "a&b",
    "a*b",
    "a/b",
    "a?b",
    "a^b",
    "a!b",
    " a",
    "a ",
    "-a",
    "group:staff",
    "GROUP:x",
    ".",
    "..",
    "Anyone",
    "anybody",
    "x".repeat(81),
  ];
  for (const name of bad) assert.equal(map(name), "invalid", JSON.stringify(name));
  assert.equal(map("Anonymous"), "anonymous");
  assert.equal(map("john.doe"), "john.doe");
  assert.equal(map("john.doe", { unixhierarchysep: false }), "invalid");
  assert.equal(map("x".repeat(80)), "x".repeat(80));
});

/** The internal name of a user's INBOX: "." in the local part is "^" there, the domain stands in front. */
function inboxOf(userid: string, virtdomains: string): string {
  const at = virtdomains === "off" ? -1 : userid.indexOf("@");
  const [local, prefix] = at < 0 ? [userid, ""] : [userid.slice(0, at), `${userid.slice(at + 1)}!`];
  return `${prefix}user.${local.replaceAll(".", "^")}`;
}

const options = fc.record({
  imapmagicplus: fc.boolean(),
  virtdomains: fc.constantFrom("off" as const, "userid" as const, "on" as const),
  defaultdomain: fc.constantFrom("internal", "b.org", "B.org"),
  loginrealms: fc.constantFrom("", "b.org", "b.org c"),
  username_tolower: fc.boolean(),
  unixhierarchysep: fc.boolean(),
  serverDomain: fc.constantFrom(undefined, "b.org", "c", "x..y"),
});
/** Few letters and every sign that might mean something, so that collisions are likely. */
const login = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."abA.@%+!^-/ :&~*\0\r"), maxLength: 8 }),
  fc.string({ unit: fc.constantFrom(..."ab.@"), maxLength: 7 }),
  fc.constantFrom("a@b.org", "A@B.org", "a%b.org", "a+x@b.org", "a.b", "a^b", "user.a", "b.org!user.a", "anyone"),
);

test("different userids never share a mailbox, nor lie inside each other; mapping twice changes nothing", () => {
  fc.assert(
    fc.property(options, login, login, (options, one, two) => {
      const a = canonicalUserid(one, options);
      const b = canonicalUserid(two, options);
      if (a.kind === "user") {
        const again = canonicalUserid(a.userid, { ...options, serverDomain: undefined });
        assert.ok(again.kind === "user" && again.userid === a.userid, `${one} -> ${a.userid}`);
        assert.match(a.userid, /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);
        assert.doesNotMatch(a.userid, /[%&*/?^!]|^-/);
      }
      if (a.kind !== "user" || b.kind !== "user" || a.userid === b.userid) return;
      const [first, second] = [a, b].map(({ userid }) => inboxOf(userid, options.virtdomains)) as [string, string];
      assert.notEqual(first, second);
      assert.ok(!first.startsWith(`${second}.`) && !second.startsWith(`${first}.`), `${first} and ${second}`);
      if (options.unixhierarchysep) return;
      // With "." as separator also the names people see must not lie inside each other.
      const seen = [a, b].map(
        ({ userid }) => `user.${options.virtdomains === "off" ? userid : userid.replace(/@.*/, "")}.`,
      ) as [string, string];
      assert.ok(seen[0] === seen[1] || (!seen[0].startsWith(seen[1]) && !seen[1].startsWith(seen[0])));
    }),
    { numRuns: 3_000 },
  );
});

test("names that differ beyond letter case, magic plus, % and the default domain give different userids", () => {
  fc.assert(
    fc.property(options, login, login, (options, one, two) => {
      const a = canonicalUserid(one, options);
      const b = canonicalUserid(two, options);
      if (a.kind !== "user" || b.kind !== "user" || a.userid !== b.userid) return;
      const fold = (name: string): string => {
        let text = name.toLowerCase().replaceAll("%", "@");
        if (options.imapmagicplus) text = text.replace(/^([^@+]*)\+[^@]*/, "$1");
        if (options.virtdomains === "on" && !text.includes("@") && options.serverDomain)
          text += `@${options.serverDomain}`;
        const suffix = `@${options.defaultdomain.toLowerCase()}`;
        return options.virtdomains !== "off" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
      };
      assert.equal(fold(one), fold(two));
    }),
    { numRuns: 3_000 },
  );
});
