/** POP3 and NNTP. */
import { duration, int, oneOf, setOf, string, toggle } from "./define.ts";

export const pop3NntpOptions = {
  allowapop: toggle(true, { since: "2.3.17", areas: ["pop3"], help: "Offer POP3 APOP (needs SASL plaintext secrets)" }),
  allownewnews: toggle(false, { since: "2.3.17", areas: ["nntp"], help: "Enable costly NNTP NEWNEWS" }),
  newsaddheaders: setOf(["to", "replyto"], ["to"], {
    since: "2.5.0",
    areas: ["nntp"],
    help: "Headers added to articles when newspostuser set",
  }),
  newsgroups: string("*", { since: "2.4.0", areas: ["nntp"], help: "Wildmat of mailboxes served as newsgroups" }),
  newsmaster: string("news", { since: "2.3.17", areas: ["nntp"], help: "Userid checked for control messages" }),
  newspeer: string(undefined, {
    since: "2.3.17",
    areas: ["nntp"],
    help: "Peers to feed: [user[:pass]@]host[:port][/wildmat]",
  }),
  newspostuser: string(undefined, { since: "2.5.0", areas: ["nntp"], help: "Userid for mail-to-news plus addressing" }),
  newsprefix: string(undefined, { since: "2.3.17", areas: ["nntp"], help: "Mailbox prefix for newsgroups" }),
  newsrc_db_path: string(undefined, {
    since: "2.5.0",
    areas: ["nntp", "db"],
    help: "fetchnews state; else configdirectory/fetchnews.db",
  }),
  nntptimeout: duration("3m", "m", { since: "3.1.8", areas: ["nntp"], help: "Inactivity timeout, minimum 3m" }),
  popexpiretime: duration("-1", "d", {
    since: "3.1.8",
    areas: ["pop3"],
    help: "EXPIRE value in CAPA; negative = NEVER",
  }),
  popminpoll: duration(undefined, "m", { since: "3.1.8", areas: ["pop3"], help: "Minimum time between logins" }),
  poppollpadding: int(1, { since: "2.3.17", areas: ["pop3"], help: "Burst allowance before popminpoll bites" }),
  popsubfolders: toggle(false, { since: "2.3.17", areas: ["pop3"], help: "Login userid+folder opens that folder" }),
  poptimeout: duration("10m", "m", { since: "3.1.8", areas: ["pop3"], help: "Inactivity timeout, minimum 10m" }),
  popuseacl: toggle(false, { since: "2.3.17", areas: ["pop3"], help: "Enforce r/t/s rights" }),
  popuseimapflags: toggle(false, { since: "2.3.17", areas: ["pop3"], help: "Honor/set \\Deleted,\\Seen" }),
  uidl_format: oneOf(["uidonly", "cyrus", "dovecot", "courier"], "cyrus", {
    since: "3.0.0",
    areas: ["pop3"],
    help: "UIDL string format",
  }),
};
