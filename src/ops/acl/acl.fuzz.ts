/** Stored ACLs, as replication or a damaged database may bring them, and rights as clients write them. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import { canonicalIdentifier, parseAcl, printAcl } from "./acl.ts";
import { parseRights, printRights } from "./rights.ts";

export const target: FuzzTarget = {
  name: "ACLs",
  run(octets) {
    const text = Buffer.from(octets).toString("latin1");
    const acl = printAcl(parseAcl(text));
    assert.equal(printAcl(parseAcl(acl)), acl);
    const rights = parseRights(text);
    if (typeof rights === "number") assert.equal(parseRights(printRights(rights)), rights);
    const identifier = canonicalIdentifier(text, { toLower: true, defaultDomain: "example.com" });
    if (identifier !== undefined) assert.match(identifier, /^[ -~]+$/);
  },
  seeds: ["alice\tlrswipkxtecdan\tanyone\tlrs\t", "-group:x\tlr", "lrswipkxtecda0123", "-Bob@example.com"].map((text) =>
    Buffer.from(text),
  ),
};
