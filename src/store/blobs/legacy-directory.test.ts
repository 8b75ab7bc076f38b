import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MboxName } from "../../formats/ids.ts";
import { hashLetter, legacyDirectory } from "./legacy-directory.ts";

const at = (name: string, spool: boolean, full: boolean): string | undefined =>
  legacyDirectory(name as MboxName, { spool, full });

/** As Cyrus 3.6.1 made them. */
test("directories are where Cyrus has them", () => {
  const cases: [string, string, string, string][] = [
    ["user.fred", "user/fred", "f/user/fred", "E/user/fred"],
    ["user.fred.C.B", "user/fred/C/B", "f/user/fred/C/B", "E/user/fred/C/B"],
    ["user.joe^smith.x", "user/joe^smith/x", "j/user/joe^smith/x", "B/user/joe^smith/x"],
    ["user.a^b^c", "user/a^b^c", "a/user/a^b^c", "F/user/a^b^c"],
    [
      "user.verylongusername^withdot",
      "user/verylongusername^withdot",
      "v/user/verylongusername^withdot",
      "T/user/verylongusername^withdot",
    ],
    ["DELETED.user.x.6B05BF43", "DELETED/user/x/6B05BF43", "u/DELETED/user/x/6B05BF43", "C/DELETED/user/x/6B05BF43"],
    ["user.9a.x^y", "user/9a/x^y", "q/user/9a/x^y", "K/user/9a/x^y"],
    ["user.Zed", "user/Zed", "z/user/Zed", "L/user/Zed"],
    ["shared", "shared", "s/shared", "T/shared"],
    ["shared.x", "shared/x", "x/shared/x", "F/shared/x"],
    ["Big^Dot", "Big^Dot", "b/Big^Dot", "W/Big^Dot"],
    ["9num", "9num", "q/9num", "D/9num"],
    [
      "example.org!user.jane",
      "domain/example.org/user/jane",
      "domain/e/example.org/j/user/jane",
      "domain/O/example.org/I/user/jane",
    ],
    [
      "example.org!DELETED.x.6B05BE3B",
      "domain/example.org/DELETED/x/6B05BE3B",
      "domain/e/example.org/x/DELETED/x/6B05BE3B",
      "domain/O/example.org/F/DELETED/x/6B05BE3B",
    ],
  ];
  for (const [name, plain, hashed, full] of cases) {
    assert.deepEqual([at(name, false, false), at(name, true, false), at(name, true, true)], [plain, hashed, full]);
    assert.equal(at(name, false, true), plain, "fulldirhash alone changes nothing");
  }
});

test("what cannot be a directory, or would be another one, has none", () => {
  for (const name of [
    "user...fred",
    "user.fred.",
    "user.a/../../b",
    "user.\0",
    `user.${"x".repeat(256)}`,
    "uuid.a",
    "domain.example",
    "",
  ]) {
    assert.equal(at(name, false, false), undefined, name);
  }
  assert.equal(at("uuid.a", true, false), "a/uuid/a");
});

test("no two names share a directory, and none leaves the partition", () => {
  const level = fc.string({
    minLength: 1,
    maxLength: 6,
    unit: fc.constantFrom("a", "b", "^", "/", "~", "&", "u", "."),
  });
  const names = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("."));
  const hashing = fc.record({ spool: fc.boolean(), full: fc.boolean() });
  fc.assert(
    fc.property(names, names, hashing, (one, other, { spool, full }) => {
      const [a, b] = [at(one, spool, full), at(other, spool, full)];
      for (const directory of [a, b]) {
        assert.ok(directory === undefined || !directory.split("/").some((part) => ["", ".", ".."].includes(part)));
      }
      if (one !== other && a !== undefined) assert.notEqual(a, b);
    }),
  );
});

test("the full hash", () => {
  assert.deepEqual(
    ["fred", "jane", "example.org"].map((name) => hashLetter(name, true)),
    ["E", "I", "O"],
  );
});
