/** Names of mailboxes, creation, quota, annotations. */
import { int, oneOf, renamed, string, toggle } from "./define.ts";

export const mailboxesOptions = {
  annotation_allow_undefined: toggle(false, {
    since: "2.5.0",
    areas: ["annotate"],
    help: "Accept annotation entries nobody declared",
  }),
  annotation_callout: string(undefined, {
    since: "2.5.0",
    areas: ["annotate", "append"],
    help: "Program or unix socket that adds flags/annotations at append",
  }),
  annotation_callout_disable_append: toggle(false, {
    since: "3.1.2",
    areas: ["annotate", "append"],
    help: "Do not run the callout on append (keep for XRUNANNOTATOR)",
  }),
  annotation_definitions: string(undefined, {
    since: "2.5.0",
    areas: ["annotate"],
    help: "File declaring extra annotations (6 comma-separated fields per line)",
  }),
  autocreate_inbox_folders: string(undefined, {
    since: "2.5.0",
    areas: ["autocreate", "imap", "pop3", "lmtp"],
    help: "'|'-separated INBOX subfolders created along with a new INBOX",
  }),
  autocreate_post: toggle(false, {
    since: "2.5.0",
    areas: ["autocreate", "lmtp"],
    help: "LMTP delivery may create a missing INBOX",
  }),
  autocreate_quota: int(-1, {
    since: "2.5.0",
    areas: ["autocreate", "quota"],
    help: "-1 off; >=0 autocreate INBOX at login; >0 also sets KiB quota",
  }),
  autocreate_quota_messages: int(-1, {
    since: "3.0.0",
    areas: ["autocreate", "quota"],
    help: "Message-count quota set on autocreate; -1/0 none",
  }),
  autocreate_sieve_compiled_script: renamed(
    "autocreate_sieve_script_compiled",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_sieve_script_compiled" }),
  ),
  autocreate_sieve_folders: string(undefined, {
    since: "2.5.0",
    areas: ["autocreate", "sieve"],
    help: "'|'-separated folders fileinto may create",
  }),
  autocreate_sieve_script: string(undefined, {
    since: "2.5.0",
    areas: ["autocreate", "sieve"],
    help: "Source script file installed as a new user's default",
  }),
  autocreate_sieve_script_compile: toggle(false, {
    since: "2.5.0",
    areas: ["autocreate", "sieve"],
    help: "Save on-the-fly compiled default script",
  }),
  autocreate_sieve_script_compiled: string(undefined, {
    since: "2.5.0",
    areas: ["autocreate", "sieve"],
    help: "Bytecode file used as default script",
  }),
  autocreate_subscribe_folders: string(undefined, {
    since: "2.5.0",
    areas: ["autocreate"],
    help: "'|'-separated autocreated folders to subscribe",
  }),
  autocreate_subscribe_sharedfolders: string(undefined, {
    since: "2.5.0",
    areas: ["autocreate"],
    help: "'|'-separated shared folders to subscribe",
  }),
  autocreate_subscribe_sharedfolders_all: toggle(false, {
    since: "2.5.0",
    areas: ["autocreate"],
    help: "Subscribe new users to every permitted shared folder",
  }),
  autocreate_users: string("anyone", {
    since: "2.5.0",
    areas: ["autocreate"],
    help: "Users/groups allowed INBOX autocreation",
  }),
  autocreateinboxfolders: renamed(
    "autocreate_inbox_folders",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_inbox_folders" }),
  ),
  autocreatequota: renamed(
    "autocreate_quota",
    "2.5.0",
    int(0, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_quota" }),
  ),
  autocreatequotamsg: renamed(
    "autocreate_quota_messages",
    "2.5.0",
    int(-1, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_quota_messages" }),
  ),
  autosievefolders: renamed(
    "autocreate_sieve_folders",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_sieve_folders" }),
  ),
  autosubscribe_all_sharedfolders: renamed(
    "autocreate_subscribe_sharedfolders_all",
    "2.5.0",
    toggle(false, {
      since: "2.5.0",
      areas: ["autocreate"],
      help: "Old name of autocreate_subscribe_sharedfolders_all",
    }),
  ),
  autosubscribeinboxfolders: renamed(
    "autocreate_subscribe_folders",
    "2.5.0",
    string(undefined, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_subscribe_folders" }),
  ),
  autosubscribesharedfolders: renamed(
    "autocreate_subscribe_sharedfolders",
    "2.5.0",
    string(undefined, {
      since: "2.5.0",
      areas: ["autocreate"],
      help: "Old name of autocreate_subscribe_sharedfolders",
    }),
  ),
  createonpost: renamed(
    "autocreate_post",
    "2.5.0",
    toggle(false, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_post" }),
  ),
  crossdomains: toggle(false, {
    since: "3.0.0",
    areas: ["namespace"],
    help: "Show other users as user@domain across domains",
  }),
  crossdomains_onlyother: toggle(false, {
    since: "3.0.0",
    areas: ["namespace"],
    help: "Add @domain only for foreign-domain users",
  }),
  defaultdomain: string("internal", {
    since: "3.0.0",
    areas: ["namespace", "auth"],
    help: "Domain of unqualified users with virtdomains",
  }),
  generate_compiled_sieve_script: renamed(
    "autocreate_sieve_script_compile",
    "2.5.0",
    toggle(false, { since: "2.5.0", areas: ["autocreate"], help: "Old name of autocreate_sieve_script_compile" }),
  ),
  mailbox_maxmessages_addressbook: int(0, {
    since: "3.3.0",
    areas: ["quota"],
    help: "Max objects per address book; 0 none",
  }),
  mailbox_maxmessages_calendar: int(0, { since: "3.3.0", areas: ["quota"], help: "Max objects per calendar; 0 none" }),
  mailbox_maxmessages_email: int(0, { since: "3.3.0", areas: ["quota"], help: "Max messages per mail folder; 0 none" }),
  quota_use_conversations: toggle(false, {
    since: "3.3.0",
    areas: ["quota", "conversations"],
    help: "Count identical messages once per user",
  }),
  quotawarn: int(90, { since: "2.3.17", areas: ["quota", "imap"], help: "Percent usage triggering warning" }),
  quotawarnkb: int(0, {
    since: "2.3.17",
    areas: ["quota", "imap"],
    help: "Free KiB below which warnings apply; 0 always",
  }),
  quotawarnmsg: int(0, {
    since: "2.5.0",
    areas: ["quota", "imap"],
    help: "Free messages below which warnings apply; 0 always",
  }),
  sharedprefix: string("Shared Folders", {
    since: "2.3.17",
    areas: ["namespace"],
    help: "Shared namespace name under altnamespace",
  }),
  unixhierarchysep: toggle(true, { since: "3.0.0", areas: ["namespace"], help: "'/' as separator; off = '.'" }),
  userprefix: string("Other Users", {
    since: "2.3.17",
    areas: ["namespace"],
    help: "Other-users namespace name under altnamespace",
  }),
  virtdomains: oneOf(["off", "userid", "on"], "off", {
    since: "3.1.8",
    areas: ["namespace", "auth"],
    help: "Virtual domain mode",
  }),
};
