import type { FuzzTarget } from "../../base/fuzz.ts";
import { canonicalUserid } from "./canonical-userid.ts";
import { decodeSaslauthdReply } from "./saslauthd.ts";
import { matchesWildmatList, parseUserDeny } from "./user-deny.ts";

const options = {
  imapmagicplus: true,
  virtdomains: "userid",
  defaultdomain: "internal",
  loginrealms: "",
  username_tolower: true,
  unixhierarchysep: true,
} as const;

export const target: FuzzTarget = {
  name: "login names, user_deny.db, saslauthd replies",
  seeds: [
    Buffer.from("dave\t2\xff\x89imap,!imaps\xff\x89You are blocked\n", "latin1"),
    Buffer.from("fred+x@example.org"),
    Buffer.from("\0\x02OK", "latin1"),
    Buffer.from("a*b*c,*"),
  ],
  run(octets) {
    const buffer = Buffer.from(octets);
    const text = buffer.toString("latin1");
    const mapped = canonicalUserid(text, options);
    if (mapped.kind === "user" && /[\x00-\x1f\x7f-\xff]/.test(mapped.userid)) throw new Error("control characters");
    for (const { services } of parseUserDeny(buffer).values()) matchesWildmatList(services, "imap");
    matchesWildmatList(text, text.slice(3));
    decodeSaslauthdReply(buffer);
  },
};
