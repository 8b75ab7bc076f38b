/** A name is refused, or is the one encoding of its text. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import { decode, encode } from "./index.ts";

export const target: FuzzTarget = {
  name: "modified UTF-7",
  run(octets) {
    const name = Buffer.from(octets).toString("latin1");
    const text = decode(name);
    if (text !== undefined) assert.equal(encode(text), name);
  },
  seeds: ["INBOX/Entw&APw-rfe", "&-", "&2D3eAA-", "&U,BTFw-/&ZeVnLIqe-"].map((name) => Buffer.from(name)),
};
