import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { MboxName } from "../../formats/ids.ts";
import { MailError } from "../errors.ts";
import { nearestQuotaRoot, parseQuotaLimits, quotaAlerts, quotaExceeded, quotaLines, requireQuota } from "./quota.ts";

type Numbers = Parameters<typeof quotaExceeded>[0];

/** `"storage 4096/1 message 3/10"`: use in octets or pieces, limit in KiB or pieces. */
function quota(text: string): Numbers {
  const row: Numbers = {
    storageUsed: 0,
    storageLimit: undefined,
    messageUsed: 0,
    messageLimit: undefined,
    annotUsed: 0,
    annotLimit: undefined,
    folderUsed: 0,
    folderLimit: undefined,
  };
  for (const [, name, used, limit] of text.matchAll(/(\w+) (\d+)(?:\/(\d+))?/g)) {
    const key = name as "storage" | "message" | "annot" | "folder";
    row[`${key}Used`] = Number(used);
    row[`${key}Limit`] = limit === undefined ? undefined : Number(limit);
  }
  return row;
}

test("strict: nothing may go above a limit", () => {
  assert.equal(quotaExceeded(quota("storage 1000/1"), { octets: 24, messages: 1 }), undefined);
  assert.equal(quotaExceeded(quota("storage 1000/1"), { octets: 25, messages: 1 }), "STORAGE");
  assert.equal(quotaExceeded(quota("message 9/10"), { octets: 5, messages: 1 }), undefined);
  assert.equal(quotaExceeded(quota("message 10/10"), { octets: 5, messages: 1 }), "MESSAGE");
  assert.equal(quotaExceeded(quota("folder 10/10"), { folders: 1 }), "X-NUM-FOLDERS");
  assert.equal(quotaExceeded(quota("annot 1024/1"), { annotOctets: 1 }), "X-ANNOTATION-STORAGE");
  assert.equal(quotaExceeded(quota("storage 9999/1"), { octets: 0, folders: 1 }), undefined);
  assert.equal(quotaExceeded(quota("storage 9999/1"), { octets: -5 }), undefined);
  assert.equal(quotaExceeded(quota("storage 999999999"), { octets: 1e9, messages: 1 }), undefined);
  assert.equal(quotaExceeded(quota("storage 0/0"), { octets: 1 }), "STORAGE");
});

test("lenient: one message may go over STORAGE, but not over MESSAGE", () => {
  assert.equal(quotaExceeded(quota("storage 1023/1"), { octets: 5000, messages: 1 }, "lenient"), undefined);
  assert.equal(quotaExceeded(quota("storage 1024/1"), { octets: 1, messages: 1 }, "lenient"), "STORAGE");
  assert.equal(quotaExceeded(quota("storage 5074/1"), { octets: 1, messages: 1 }, "lenient"), "STORAGE");
  assert.equal(quotaExceeded(quota("message 10/10"), { octets: 1, messages: 1 }, "lenient"), "MESSAGE");
});

test("what strict lets through stays within every limit", () => {
  const number = fc.nat(5000);
  fc.assert(
    fc.property(number, fc.nat(5), number, fc.nat(20), fc.nat(20), (used, limit, octets, messages, messageLimit) => {
      const row = quota(`storage ${used}/${limit} message ${messages}/${messageLimit}`);
      if (quotaExceeded(row, { octets, messages: 1 }) !== undefined) return;
      assert.ok(octets <= 0 || used + octets <= limit * 1024);
      assert.ok(messages + 1 <= messageLimit);
    }),
  );
});

test("requireQuota refuses with the resource", () => {
  requireQuota(undefined, { octets: 1e12 });
  assert.throws(
    () => requireQuota(quota("message 1/1"), { messages: 1 }),
    (error) => error instanceof MailError && error.code === "overQuota" && error.detail === "MESSAGE",
  );
});

test("lines of GETQUOTA", () => {
  const lines = quotaLines(quota("storage 5074/1 message 3 annot 0/5 folder 2/10"));
  const text = lines.map(({ resource, used, limit }) => `${resource} ${used} ${limit}`).join(" ");
  assert.equal(text, "STORAGE 4 1 X-ANNOTATION-STORAGE 0 5 X-NUM-FOLDERS 2 10");
});

function alerts(text: string, freeKib = 0, freeMessages = 0): string {
  return quotaAlerts(quota(text), { percent: 90, freeKib, freeMessages })
    .map(({ resource, percent }) => `${resource} ${percent ?? "over"}`)
    .join(" ");
}

test("alerts of SELECT", () => {
  assert.equal(alerts("storage 5074/1"), "STORAGE over");
  assert.equal(alerts("storage 973/1"), "STORAGE 95");
  assert.equal(alerts("storage 921/1"), "");
  assert.equal(alerts("storage 1024/1 message 10/10"), "STORAGE 100 MESSAGE 100");
  assert.equal(alerts("storage 97280/100", 4), "");
  assert.equal(alerts("storage 97280/100", 5), "STORAGE 95");
  assert.equal(alerts("storage 97280/100", 200), "STORAGE 95");
  assert.equal(alerts("message 95/100", 0, 4), "");
  assert.equal(alerts("storage 0/0"), "");
});

test("limits of SETQUOTA", () => {
  assert.equal(parseQuotaLimits([{ resource: "storage", limit: 10 }]).STORAGE, 10);
  assert.equal(parseQuotaLimits([{ resource: "STORAGE", limit: -1 }]).STORAGE, undefined);
  const bad = [
    { resource: "BOGUS", limit: 1 },
    { resource: "STORAGE", limit: -2 },
    { resource: "STORAGE", limit: 1.5 },
    { resource: "STORAGE", limit: 2 ** 50 },
    { resource: "constructor", limit: 1 },
  ];
  for (const entry of bad) assert.throws(() => parseQuotaLimits([entry]), MailError);
});

test("the nearest root", () => {
  const roots = new Set(["user.fred", "user.fred.A.B"]);
  const of = (name: string): string | undefined => nearestQuotaRoot(name as MboxName, (root) => roots.has(root));
  assert.equal(of("user.fred.A.B.C"), "user.fred.A.B");
  assert.equal(of("user.fred.A"), "user.fred");
  assert.equal(of("user.frederic"), undefined);
  assert.equal(of("shared.x"), undefined);
});
