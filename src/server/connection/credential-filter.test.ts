import assert from "node:assert/strict";
import { test } from "node:test";
import { CredentialFilter } from "./credential-filter.ts";

/** The same in one piece and octet by octet. */
function shown(text: string): string {
  const whole = Buffer.from(new CredentialFilter().filter(Buffer.from(text, "latin1"))).toString("latin1");
  const filter = new CredentialFilter();
  const pieces = [...Buffer.from(text, "latin1")].map((octet) =>
    Buffer.from(filter.filter(Buffer.of(octet))).toString("latin1"),
  );
  assert.equal(pieces.join(""), whole);
  return whole;
}

test("what comes behind LOGIN and its like is not shown, up to the end of the command", () => {
  assert.equal(shown("a LOGIN alice secret\r\nb NOOP\r\n"), "a LOGIN [redacted]\r\nb NOOP\r\n");
  assert.equal(shown('a login "al\\"ice" "se cret"\r\n'), "a login [redacted]\r\n");
  assert.equal(
    shown("a LOGIN {5}\r\nalice {11+}\r\nsecret\r\nb x\r\nc LOGIN x y\r\nd NOOP\r\n"),
    "a LOGIN [redacted]\r\nc LOGIN [redacted]\r\nd NOOP\r\n",
  );
  assert.equal(shown("a AUTHENTICATE PLAIN AGEAYg==\r\n"), "a AUTHENTICATE [redacted]\r\n");
  assert.equal(shown("AUTH PLAIN AGEAYg==\r\nRSET\r\n"), "AUTH [redacted]\r\nRSET\r\n");
  assert.equal(shown("PASS secret\r\n"), "PASS [redacted]\r\n");
  assert.equal(shown("a LOGIN alice secr"), "a LOGIN [redacted]");
  assert.equal(shown("a LOGIN alice secret\nb NOOP\n"), "a LOGIN [redacted]\r\nb NOOP\n");
});

test("everything else is shown as it came", () => {
  for (const text of [
    "",
    "a NOOP\r\n",
    "LOGIN\r\n",
    "a b LOGIN c\r\n",
    `${"x".repeat(1_000)} LOGIN a b\r\n`,
    "a APPEND INBOX {12}\r\nSubject: x\r\n\r\n\xff\0 LOGINS a b\r\n",
  ])
    assert.equal(shown(text), text);
  const octets = Buffer.from("a FETCH 1 BODY[]\r\n");
  assert.equal(new CredentialFilter().filter(octets), octets);
});
