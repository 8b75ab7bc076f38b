/** What is understood is written again octet by octet; nothing else is thrown or taken. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import { decodeIdle, encodeIdle, MAX_DATAGRAM_OCTETS } from "./datagram.ts";

export const datagrams: FuzzTarget = {
  name: "idled datagrams",
  seeds: [
    encodeIdle({ kind: "init", name: "user.fred" }),
    encodeIdle({ kind: "notify", name: "example.org!user.fred.Sent" }),
    encodeIdle({ kind: "alert", name: "." }),
    encodeIdle({ kind: "done", name: "x".repeat(1_023) }),
  ],
  run(octets) {
    const copy = Buffer.from(octets);
    const message = decodeIdle(copy);
    if (message === undefined) return;
    assert.ok(copy.length <= MAX_DATAGRAM_OCTETS);
    assert.deepEqual(encodeIdle(message), copy);
  },
};
