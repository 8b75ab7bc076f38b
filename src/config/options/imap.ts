/** IMAP. */
import { duration, int, string, toggle } from "./define.ts";

export const imapOptions = {
  allowallsubscribe: toggle(false, {
    since: "2.3.17",
    areas: ["imap"],
    help: "Permit subscribing to names that do not exist locally",
  }),
  allowdeleted: toggle(false, {
    since: "3.1.8",
    areas: ["imap"],
    help: "Let admins reach deleted mailboxes/expunged messages via vendor access",
  }),
  allowsetacl: toggle(true, { since: "3.1.8", areas: ["imap"], help: "Off forbids SETACL entirely over IMAP" }),
  allowusermoves: toggle(false, { since: "2.3.17", areas: ["imap"], help: "Allow RENAME/XFER of whole user accounts" }),
  altnamespace: toggle(true, {
    since: "3.0.0",
    areas: ["imap", "sieve"],
    help: "Personal folders shown beside INBOX rather than below",
  }),
  altprefix: string("Alt Folders", {
    since: "3.0.0",
    areas: ["imap"],
    help: "Parent shown for names unreachable (INBOX-like spellings) under altnamespace",
  }),
  annotation_enable_legacy_commands: toggle(false, {
    since: "3.1.6",
    areas: ["imap"],
    help: "Re-enable GETANNOTATION/SETANNOTATION",
  }),
  aps_topic: string(undefined, {
    since: "3.0.0",
    areas: ["imap"],
    help: "Apple push topic for mail (XAPPLEPUSHSERVICE)",
  }),
  autoexpunge: toggle(false, {
    since: "3.1.7",
    areas: ["imap", "expunge"],
    help: "Expunge \\Deleted whenever a mailbox index is closed",
  }),
  delete_unsubscribe: toggle(false, { since: "3.0.0", areas: ["imap"], help: "Unsubscribe on DELETE" }),
  disable_shared_namespace: toggle(false, {
    since: "2.5.0",
    areas: ["imap"],
    help: "Hide shared mailboxes from LIST (non-admin)",
  }),
  disable_user_namespace: toggle(false, {
    since: "2.5.0",
    areas: ["imap"],
    help: "Hide other users' mailboxes from LIST (non-admin)",
  }),
  disconnect_on_vanished_mailbox: toggle(false, {
    since: "2.3.17",
    areas: ["imap", "pop3", "nntp"],
    help: "Drop clients whose selected mailbox was removed",
  }),
  flushseenstate: toggle(true, { since: "2.5.0", areas: ["imap"], help: "No effect", deprecated: { since: "2.5.0" } }),
  foolstupidclients: toggle(false, { since: "2.3.17", areas: ["imap"], help: 'Turn LIST "*" into LIST "INBOX*"' }),
  idlesocket: string("{configdirectory}/socket/idle", {
    since: "2.3.17",
    areas: ["imap", "idled"],
    help: "Unix datagram socket of idled",
  }),
  ignorereference: toggle(false, { since: "2.3.17", areas: ["imap"], help: "Ignore LIST/LSUB reference argument" }),
  imapidlepoll: duration("60s", "s", {
    since: "3.1.8",
    areas: ["imap"],
    help: "IDLE poll interval without idled; 0 disables IDLE",
  }),
  imapidletimeout: duration(undefined, "m", {
    since: "3.1.8",
    areas: ["imap"],
    help: "Inactivity timeout while in IDLE; else timeout",
  }),
  imapidresponse: toggle(true, { since: "2.3.17", areas: ["imap"], help: "Answer ID with details; off = NIL" }),
  imapmagicplus: toggle(false, { since: "2.3.17", areas: ["imap"], help: "Login as userid+namespace restricts LIST" }),
  literalminus: toggle(false, { since: "3.0.0", areas: ["imap"], help: "Advertise LITERAL- in place of LITERAL+" }),
  maxargssize: int(0, {
    since: "3.6.1",
    areas: ["imap"],
    help: "Bytes of one IMAP command, 0 unlimited; later security backport, absent from upstream 3.6.1",
  }),
  maxliteral: int(131072, {
    since: "3.6.1",
    areas: ["imap"],
    help: "Bytes of one non-message literal, 0 unlimited; later security backport, absent from upstream 3.6.1",
  }),
  maxquoted: int(131072, { since: "2.3.17", areas: ["imap"], help: "Max quoted-string bytes" }),
  maxword: int(131072, { since: "2.3.17", areas: ["imap"], help: "Max atom bytes" }),
  netscapeurl: string(undefined, { since: "2.3.17", areas: ["imap"], help: "URL for ancient NETSCAPE extension" }),
  readonly: toggle(false, { since: "3.3.0", areas: ["imap", "pop3", "jmap"], help: "Reject all writes" }),
  specialuse_extra: string(undefined, {
    since: "2.5.0",
    areas: ["imap", "annotate"],
    help: "Additional allowed special-use attributes",
  }),
  specialuse_nochildren: string(undefined, {
    since: "3.6.0",
    areas: ["imap"],
    help: "Special-use folders that cannot have children",
  }),
  specialuse_protect: string("\\Archive \\Drafts \\Important \\Junk \\Sent \\Trash", {
    since: "3.1.7",
    areas: ["imap", "jmap"],
    help: "Special-use folders not deletable/re-parentable",
  }),
  specialusealways: toggle(true, {
    since: "3.1.1",
    areas: ["imap"],
    help: "LIST/LSUB always show special-use attributes",
  }),
  statuscache: toggle(false, { since: "2.3.17", areas: ["imap"], help: "Cache STATUS results" }),
  submitservers: string(undefined, {
    since: "2.3.17",
    areas: ["imap"],
    help: "Users/groups that may resolve urlauth=submit+",
  }),
  suppress_capabilities: string(undefined, {
    since: "3.0.0",
    areas: ["imap"],
    help: "Capabilities to hide (exact case, spaces)",
  }),
  timeout: duration("32m", "m", {
    since: "3.1.8",
    areas: ["imap", "sieve", "idled"],
    help: "IMAP inactivity timeout, min 30m",
  }),
  xbackup_enabled: toggle(false, { since: "3.0.0", areas: ["imap", "backup"], help: "Enable XBACKUP" }),
};
