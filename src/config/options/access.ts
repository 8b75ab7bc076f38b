/** Who may log in, and who may do what. */
import { duration, int, listed, string, toggle } from "./define.ts";

export const accessOptions = {
  acl_admin_implies_write: toggle(false, {
    since: "3.6.0",
    areas: ["acl"],
    help: "Right 'a' on a mailbox also implies message write rights",
  }),
  admins: string("", {
    since: "2.3.17",
    areas: ["auth", "imap", "all"],
    help: "Space-separated userids with server-wide administrator power",
  }),
  allowanonymouslogin: toggle(false, {
    since: "2.3.17",
    areas: ["auth", "imap", "pop3", "nntp"],
    help: 'Accept user "anonymous" and SASL ANONYMOUS',
  }),
  allowplaintext: toggle(false, {
    since: "3.0.0",
    areas: ["auth", "imap", "pop3", "nntp", "http"],
    help: "Allow cleartext password logins without TLS",
  }),
  anyoneuseracl: toggle(true, {
    since: "2.3.17",
    areas: ["acl"],
    help: 'Non-admins may grant rights to "anyone" on own mailboxes',
  }),
  auth_mech: listed(["unix", "pts", "krb", "krb5"], "unix", {
    since: "2.3.17",
    areas: ["auth"],
    help: "Authorization (groups/canonify) module",
  }),
  defaultacl: string("anyone lrs", {
    since: "2.3.17",
    areas: ["acl"],
    help: "ACL of new shared mailboxes with no parent",
  }),
  deleteright: string("c", { since: "2.3.17", areas: ["acl"], help: "Legacy right letter that also grants 'x'" }),
  failedloginpause: duration("3s", "s", { since: "3.1.8", areas: ["auth"], help: "Sleep after a failed login" }),
  implicit_owner_rights: string("lkxan", {
    since: "3.1.2",
    areas: ["acl"],
    help: "Rights an owner always has on own mailboxes",
  }),
  loginrealms: string("", {
    since: "2.3.17",
    areas: ["auth"],
    help: "Remote realms accepted for cross-realm identities",
  }),
  loginuseacl: toggle(false, {
    since: "2.3.17",
    areas: ["auth"],
    help: "Identity with 'a' on user's INBOX may log in as that user",
  }),
  maxlogins_per_host: int(0, {
    since: "2.5.0",
    areas: ["auth", "imap", "pop3", "nntp"],
    help: "Concurrent sessions per client host; 0 none",
  }),
  maxlogins_per_user: int(0, {
    since: "2.5.0",
    areas: ["auth", "imap", "pop3", "nntp"],
    help: "Concurrent sessions per user; 0 none",
  }),
  plaintextloginalert: string(undefined, {
    since: "2.3.17",
    areas: ["auth", "imap"],
    help: "ALERT text after plaintext login",
  }),
  plaintextloginpause: duration(undefined, "s", {
    since: "3.1.8",
    areas: ["auth", "imap", "pop3"],
    help: "Delay after plaintext login",
  }),
  proxyservers: string(undefined, {
    since: "2.3.17",
    areas: ["auth", "proxy"],
    help: "Users/groups that may act for others (backends only)",
  }),
  sasl_maximum_layer: int(256, { since: "2.3.17", areas: ["auth"], help: "Maximum SSF offered" }),
  sasl_minimum_layer: int(0, {
    since: "2.3.17",
    areas: ["auth"],
    help: "Minimum SSF required (1 integrity, >1 encryption)",
  }),
  srvtab: string("", { since: "2.3.17", areas: ["auth"], help: "Kerberos key file given to SASL" }),
  unix_group_enable: toggle(true, { since: "2.3.17", areas: ["auth"], help: "Look up system groups in unix auth" }),
  username_tolower: toggle(true, { since: "2.3.17", areas: ["auth"], help: "Lowercase usernames before auth" }),
};
