import assert from "node:assert/strict";
import { test } from "node:test";
import { ReplyTally } from "./reply-tally.ts";

test("literals are stepped over, in pieces of any size", () => {
  const octets = Buffer.from(
    "* 1 FETCH (BODY[] {20}\r\n* 9 FETCH (BODY[] \r\n UID 7)\r\n* 2 FETCH (FLAGS ())\r\n* SEARCH 1 2\r\nt1 OK done\r\n",
  );
  for (let size = 1; size <= octets.length; size++) {
    const tally = new ReplyTally();
    for (let at = 0; at < octets.length; at += size) tally.push(octets.subarray(at, at + size));
    assert.deepEqual(Object.fromEntries(tally.counts), { FETCH: 2, SEARCH: 1 }, `pieces of ${size}`);
  }
});
