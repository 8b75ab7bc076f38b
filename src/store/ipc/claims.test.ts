import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { type ClaimAnswer, Claims, MAX_CLAIMS } from "./claims.ts";

function claimOf(claims: Claims, owner: object, name: string, timeoutMs = 0): ClaimAnswer | undefined {
  let given: ClaimAnswer | undefined;
  claims.claim(owner, name, "a test", timeoutMs, (answer) => {
    given = answer;
  });
  return given;
}

test("one connection has no more than MAX_CLAIMS, held and waited for, and others are not kept from theirs", () => {
  const claims = new Claims(undefined, silentLog);
  const [one, other] = [{}, {}];
  claims.claim(other, "busy", "other", 0, () => {});
  for (let n = 0; n < MAX_CLAIMS - 1; n++) assert.deepEqual(claimOf(claims, one, `name ${n}`), { granted: true });
  assert.equal(claimOf(claims, one, "busy", 60_000), undefined, "waits");
  const holder = `nobody: a test has ${MAX_CLAIMS} claims already`;
  assert.deepEqual(claimOf(claims, one, "more"), { granted: false, holder });
  assert.deepEqual(claimOf(claims, one, "busy", 60_000), { granted: false, holder });
  assert.deepEqual(claimOf(claims, other, "more"), { granted: true });
  claims.release(one, "name 5");
  assert.deepEqual(claimOf(claims, one, "again"), { granted: true });
  assert.deepEqual(claimOf(claims, one, "again 2"), { granted: false, holder });
  // What it waits for becomes its own, and is still one claim.
  claims.release(other, "busy");
  assert.deepEqual(claimOf(claims, one, "again 2"), { granted: false, holder });
  claims.release(one, "busy");
  assert.deepEqual(claimOf(claims, one, "again 2"), { granted: true });
  claims.releaseAll(one);
  assert.deepEqual(
    claims.list().map(({ name }) => name),
    ["more"],
  );
  for (let n = 0; n < MAX_CLAIMS; n++) assert.deepEqual(claimOf(claims, one, `name ${n}`), { granted: true });
});

test("a claim that is refused, or whose time runs out, is not counted", async () => {
  const claims = new Claims(undefined, silentLog);
  const [one, other] = [{}, {}];
  claims.claim(other, "busy", "other", 0, () => {});
  for (let n = 0; n < MAX_CLAIMS; n++)
    assert.deepEqual(claimOf(claims, one, "busy"), { granted: false, holder: "other" });
  for (let n = 0; n < MAX_CLAIMS - 1; n++) claimOf(claims, one, `name ${n}`);
  await new Promise<void>((resolve) => claims.claim(one, "busy", "one", 1, () => resolve()));
  assert.deepEqual(claimOf(claims, one, "last"), { granted: true });
});
