/** Names and addresses from outside: refused, or safe and shown in a form that means the same. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import type { UserId } from "../../formats/ids.ts";
import { isBelow } from "./internal.ts";
import { Namespace } from "./namespace.ts";
import { parseRecipient } from "./recipient.ts";
import { defaultNameSettings, type NameSettings } from "./settings.ts";
import { isPathSafe, isPossibleName, isValidNewName } from "./validate.ts";

const virtual: NameSettings = {
  ...defaultNameSettings,
  separator: ".",
  virtualDomains: "on",
  defaultDomain: "example.com",
  crossDomains: true,
};
const spaces = [defaultNameSettings, { ...defaultNameSettings, altNamespace: false }, virtual].flatMap((settings) =>
  [false, true].map((adminView) => new Namespace(settings, { userId: "alice" as UserId, adminView })),
);

const texts = (...lines: string[]): Uint8Array[] => lines.map((line) => Buffer.from(line, "latin1"));

export const mailboxNames: FuzzTarget = {
  name: "mailbox names",
  run(octets) {
    const text = Buffer.from(octets).toString("latin1");
    for (const space of spaces) {
      const name = space.toInternal(text);
      if (name === undefined) continue;
      assert.ok(isPossibleName(name));
      const shown = space.toExternal(name);
      if (shown !== undefined) assert.equal(space.toInternal(shown), name);
      if (isValidNewName(name, space.settings)) assert.ok(isPathSafe(name));
    }
  },
  seeds: texts("INBOX/Work", "user/bob/a.b@example.org", "Other Users/bob", "Alt Folders.inbox", "&AOk-.x", "a//b^c"),
};

export const recipients: FuzzTarget = {
  name: "LMTP recipients",
  run(octets) {
    const address = Buffer.from(octets).toString("latin1");
    for (const names of [defaultNameSettings, virtual]) {
      const recipient = parseRecipient(address, { names, postUser: "bb", downcase: true });
      if (recipient === undefined) continue;
      if (recipient.kind === "shared") assert.doesNotMatch(recipient.mailbox, /^([^!]*!)?(user|DELETED)(\.|$)/);
      else if (recipient.folder !== undefined) assert.ok(isBelow(recipient.folder, recipient.inbox));
    }
  },
  seeds: texts("alice+a/b@example.org", '"a\\"b+c"@x.org', "@a,@b:alice@c.org", "bb+shared.x", "+user.bob"),
};

export const target: FuzzTarget = mailboxNames;
