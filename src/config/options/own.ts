/** Options that Cyrus IMAP does not have: for what is refused unless it is asked for by name, and for parts that Cyrus does not have. */
import { int, toggle } from "./define.ts";

export const ownOptions = {
  lmtp_preauth_anywhere: toggle(false, {
    since: "3.6.1",
    areas: ["lmtp"],
    help: "`lmtpd -a` takes mail without a login also on addresses that are not loopback",
  }),
  store_shards: int(1, {
    since: "3.6.1",
    areas: ["storage"],
    help: "1 to 16; databases, each with a writer process of its own, that users are spread over; fixed when the store is made",
  }),
};
