import assert from "node:assert/strict";
import { test } from "node:test";
import { fileFailure, isMailErrorCode, MailError, mailErrorCodes, refusalText, refuse } from "./errors.ts";

test("every code is known, once, and has a text without line breaks", () => {
  assert.equal(new Set(mailErrorCodes).size, mailErrorCodes.length);
  for (const code of mailErrorCodes) {
    assert.ok(isMailErrorCode(code));
    assert.match(refusalText(code), /^[ -~]+$/);
  }
  assert.ok(!isMailErrorCode("constructor"));
});

test("refuse throws a MailError with code and detail", () => {
  assert.throws(
    () => refuse("badRights", "z"),
    (error) => error instanceof MailError && error.code === "badRights" && error.detail === "z",
  );
});

test("the letter that is no right is named, and only a printable one", () => {
  assert.equal(refusalText("badRights", "z"), "The z right is not supported");
  assert.equal(refusalText("badRights", "\r"), "Invalid rights");
  assert.equal(refusalText("badRights", "zz"), "Invalid rights");
  assert.equal(refusalText("overQuota", "STORAGE\r\n"), "Over quota");
});

test("a file's error is a full disk or another", () => {
  const failure = (code: string): string => fileFailure(Object.assign(new Error(code), { code }));
  assert.deepEqual(["ENOSPC", "EDQUOT", "EACCES"].map(failure), ["diskFull", "diskFull", "ioError"]);
});
