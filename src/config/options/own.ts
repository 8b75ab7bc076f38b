/** Options that Cyrus IMAP does not have. They let an administrator ask by name for what is refused by default. */
import { toggle } from "./define.ts";

export const ownOptions = {
  lmtp_preauth_anywhere: toggle(false, {
    since: "3.6.1",
    areas: ["lmtp"],
    help: "`lmtpd -a` takes mail without a login also on addresses that are not loopback",
  }),
};
