/** CAPABILITY, from the command table and the configuration, in the order of Cyrus 3.6. */
import { MAX_MESSAGE_OCTETS } from "./limits.ts";
import type { ImapSession } from "./core.ts";

/** Shown to everybody. */
const before = ["IMAP4rev1", "LITERAL+", "ID", "ENABLE"] as const;

/** Order of what is shown after login and in every CAPABILITY reply. Those without a command or feature behind them do not appear. */
const after = [
  "ACL",
  "ANNOTATE-EXPERIMENT-1",
  "BINARY",
  "CATENATE",
  "CHILDREN",
  "CONDSTORE",
  "CREATE-SPECIAL-USE",
  "ESEARCH",
  "ESORT",
  "LIST-EXTENDED",
  "LIST-MYRIGHTS",
  "LIST-STATUS",
  "MAILBOX-REFERRALS",
  "METADATA",
  "MOVE",
  "MULTIAPPEND",
  "NAMESPACE",
  "OBJECTID",
  "PREVIEW",
  "QRESYNC",
  "QUOTA",
  "RIGHTS=kxten",
  "SAVEDATE",
  "SEARCH=FUZZY",
  "SORT",
  "SORT=DISPLAY",
  "SPECIAL-USE",
  "STATUS=SIZE",
  "THREAD=ORDEREDSUBJECT",
  "THREAD=REFERENCES",
  "UIDPLUS",
  "UNSELECT",
  "URLAUTH",
  "URLAUTH=BINARY",
  "WITHIN",
] as const;

/** What is part of a command without being one: an argument, an item, a form. */
const features: readonly string[] = [
  "CHILDREN",
  "ESEARCH",
  "MULTIAPPEND",
  "RIGHTS=kxten",
  "STATUS=SIZE",
  "UIDPLUS",
  "WITHIN",
];

const known: ReadonlySet<string> = new Set<string>([...before, ...after]);

/** Capabilities of the table's commands and features that CAPABILITY lists after login, in order. */
export function capabilitiesOf(commands: Iterable<{ readonly capability?: string }>): readonly string[] {
  const there = new Set(features);
  for (const { capability } of commands) {
    if (capability === undefined) continue;
    if (!known.has(capability)) throw new Error(`capability ${capability} has no place in the order`);
    there.add(capability);
  }
  return after.filter((name) => there.has(name));
}

/** @param everything with what is only of use after login; the greeting is without */
export function capabilityText(session: ImapSession, everything: boolean): string {
  const { service, connection, identity } = session;
  const { config } = service.context;
  const isLoggedIn = identity !== undefined;
  const hidden = service.suppressed;
  const words: string[] = before.map((word) => (word === "LITERAL+" && config.literalminus ? "LITERAL-" : word));
  if (everything) words.push(...service.capabilities);
  const shown = words.filter((word) => !hidden.has(word));
  if (service.context.tls !== undefined && connection.tls === undefined && !isLoggedIn) shown.push("STARTTLS");
  // Cyrus says LOGINDISABLED after a login, too: there is nothing to log in to any more.
  if (isLoggedIn || !service.logins.plaintextAllowed(connection, service.externalSsf)) shown.push("LOGINDISABLED");
  if (!isLoggedIn || connection.tls !== undefined) {
    for (const mechanism of service.logins.mechanismsFor(connection, service.externalSsf))
      shown.push(`AUTH=${mechanism}`);
  }
  if (!isLoggedIn) shown.push("SASL-IR");
  if (everything) {
    for (const resource of ["STORAGE", "MESSAGE", "X-ANNOTATION-STORAGE", "X-NUM-FOLDERS"])
      shown.push(`X-QUOTA=${resource}`);
    if (config.imapidlepoll > 0) shown.push("IDLE");
    shown.push(`APPENDLIMIT=${service.maxMessageOctets || MAX_MESSAGE_OCTETS}`);
  }
  return shown.join(" ");
}
