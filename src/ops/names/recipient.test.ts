import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isBelow } from "./internal.ts";
import { parseRecipient, type RecipientSettings } from "./recipient.ts";
import { defaultNameSettings } from "./settings.ts";
import { isPossibleName } from "./validate.ts";

const settings: RecipientSettings = { names: defaultNameSettings, postUser: "", downcase: true };
const virtual: RecipientSettings = {
  ...settings,
  names: { ...defaultNameSettings, virtualDomains: "on", defaultDomain: "example.com" },
};

function show(address: string, given = settings): string {
  const recipient = parseRecipient(address, given);
  if (recipient === undefined) return "-";
  if (recipient.kind === "shared") return `shared ${recipient.mailbox}`;
  const { inbox, detail, folder } = recipient;
  return `${inbox}${detail === undefined ? "" : ` +${detail}`}${folder ? ` ${folder}` : ""}`;
}

test("users, details, shared mailboxes", () => {
  const cases = `
    alice => user.alice
    Alice@mail.example.com => user.alice
    alice+Sent@mail.example.com => user.alice +Sent user.alice.Sent
    alice+a/b.c => user.alice +a/b.c user.alice.a.b^c
    alice+a^b => user.alice +a^b
    alice+ => user.alice +
    alice+a+b => user.alice +a+b user.alice.a+b
    john.doe => user.john^doe
    "quoted alice" => user.quoted alice
    "al\\ice+Work"@x.org => user.alice +Work user.alice.Work
    @relay:alice => user.alice
    @a,@b:alice@c => user.alice
    +shared => shared shared
    +shared/x@mail.example.com => shared shared.x
    +shared.lists => shared shared^lists
    +user/bob => -
    +DELETED/user/bob => -
    + => -
    alice/Work => -
    alice^x => -
    alice! => -
    "alice => -
    alice@ => -
    @relay => -`;
  for (const line of cases.trim().split("\n")) {
    const [address = "", wanted = ""] = line.trim().split(" => ");
    assert.equal(show(address), wanted, address);
  }
  assert.equal(show(""), "-");
  assert.equal(show("al\r\nice"), "-");
  assert.equal(show("Alice", { ...settings, downcase: false }), "user.Alice");
});

test("separator . and postuser", () => {
  const given = { ...settings, postUser: "bb", names: { ...defaultNameSettings, separator: "." as const } };
  assert.equal(show("bb+shared.lists", given), "shared shared.lists");
  assert.equal(show("+shared.lists", given), "shared shared.lists");
  assert.equal(show("bb", given), "user.bb");
  assert.equal(show("alice+a/b", given), "user.alice +a/b");
});

test("virtual domains", () => {
  assert.equal(show("jane+A@Example.ORG", virtual), "example.org!user.jane +A example.org!user.jane.A");
  assert.equal(show("bob@example.com", virtual), "user.bob");
  assert.equal(show("bob", virtual), "user.bob");
  assert.equal(show("+shared@example.org", virtual), "shared example.org!shared");
  assert.equal(show("bob@bad domain", virtual), "-");
});

test("no address leads out of the user's tree or out of the shared mailboxes", () => {
  const piece = fc.constantFrom(
    "a",
    "+",
    "/",
    ".",
    "..",
    "@",
    '"',
    "\\",
    "user",
    "DELETED",
    "!",
    "^",
    ":",
    " ",
    "x.org",
    "\r\n",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.constantFrom(settings, virtual), (pieces, given) => {
      const recipient = parseRecipient(pieces.join(""), given);
      if (recipient === undefined) return;
      if (recipient.kind === "shared") {
        assert.ok(isPossibleName(recipient.mailbox));
        assert.doesNotMatch(recipient.mailbox, /^([^!]*!)?(user|DELETED)(\.|$)/);
      } else if (recipient.folder !== undefined) {
        assert.ok(isPossibleName(recipient.folder));
        assert.ok(isBelow(recipient.folder, recipient.inbox));
      }
    }),
    { numRuns: 5000 },
  );
});
