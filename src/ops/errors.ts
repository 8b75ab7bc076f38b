/**
 * Refusals: the answers of a verb that found out, before it wrote anything, that it must not do what was asked.
 * The list is closed. Every protocol has one table from these codes to its answers, typed
 * `Record<MailErrorCode, ...>`, so a new code does not compile until every protocol answers it.
 * Refusals are neither syntax errors (those carry an offset) nor bugs (failed assertions).
 */
export const mailErrorCodes = [
  // Mailboxes and names
  "mailboxNonexistent",
  "mailboxExists",
  "badName",
  "badMailboxType",
  "mailboxMoved", // lives on another server
  "mailboxReserved", // a creation or move holds the name
  "mailboxLocked", // a named lock of somebody else; detail: the holder
  "badMailboxFormat", // stored data do not hold together
  "notSupported", // not on this mailbox: DELETE INBOX, moving a user without `allowusermoves`
  "hasChildren",
  "badPartition",
  "badServer",
  "serversUnavailable",
  "userUnknown",
  // Rights
  "permissionDenied",
  "badIdentifier",
  "badRights", // detail: the letter that is no right
  // Quota
  "overQuota", // detail: the resource, e.g. STORAGE
  "quotaRootNonexistent",
  "badQuotaResource", // detail: the resource's name
  // Special use and annotations
  "specialUseConflict",
  "badSpecialUse", // a use that is not known; answered as "Invalid annotation entry" with [USEATTR]
  "badAnnotationEntry",
  "badAnnotationAttribute",
  "badAnnotationValue",
  "noMatchingAnnotations",
  // Messages
  "noMatchingMessages",
  "messageTooBig",
  "tooManyUserFlags", // 128 a mailbox
  "tooManyMessages", // mailbox_maxmessages_*, or no uid is left
  "containsNul",
  "bareNewlines",
  "nonAsciiHeader",
  "invalidHeader",
  "noHeaderBody",
  "zeroLengthMessage",
  "badUrl",
  "unknownCte",
  "badCharset",
  "searchTooSlow",
  "cancelled",
  // The server
  "readOnlyServer",
  "storeUnavailable", // the writer is away for longer than store_timeout, or shuts down
  "ioError",
  "diskFull",
  "internalError",
] as const;

export type MailErrorCode = (typeof mailErrorCodes)[number];

/**
 * The texts clients have always seen for these refusals, the same in every protocol, without response codes.
 * Ends of sentences that depend on the request (a rights letter, a resource) are `detail`, see `refusalText`.
 */
const texts: Readonly<Record<MailErrorCode, string>> = {
  mailboxNonexistent: "Mailbox does not exist",
  mailboxExists: "Mailbox already exists",
  badName: "Invalid mailbox name",
  badMailboxType: "Invalid mailbox type",
  mailboxMoved: "Mailbox has been moved to another server",
  mailboxReserved: "Mailbox is currently reserved",
  mailboxLocked: "Mailbox is locked",
  badMailboxFormat: "Mailbox has an invalid format",
  notSupported: "Operation is not supported on mailbox",
  hasChildren: "Mailbox has inferior hierarchical names",
  badPartition: "Unknown/invalid partition",
  badServer: "Invalid server requested",
  serversUnavailable: "Server(s) unavailable to complete operation",
  userUnknown: "Invalid user",
  permissionDenied: "Permission denied",
  badIdentifier: "Invalid identifier",
  badRights: "Invalid rights",
  overQuota: "Over quota",
  quotaRootNonexistent: "Quota root does not exist",
  badQuotaResource: "Unsupported quota resource",
  specialUseConflict: "SPECIAL-USE flag conflict",
  badSpecialUse: "Invalid annotation entry",
  badAnnotationEntry: "Invalid annotation entry",
  badAnnotationAttribute: "Invalid annotation attribute",
  badAnnotationValue: "Invalid annotation value",
  noMatchingAnnotations: "No matching annotations",
  noMatchingMessages: "No matching messages",
  messageTooBig: "Message size exceeds fixed limit",
  tooManyUserFlags: "Too many user flags in mailbox",
  tooManyMessages: "Too many messages in mailbox",
  containsNul: "Message contains NUL characters",
  bareNewlines: "Message contains bare newlines",
  nonAsciiHeader: "Message contains non-ASCII characters in headers",
  invalidHeader: "Message contains invalid header",
  noHeaderBody: "Message has no header/body separator",
  zeroLengthMessage: "Zero-length message literal",
  badUrl: "Bad URL",
  unknownCte: "Can not process the binary data",
  badCharset: "Unrecognized character set",
  searchTooSlow: "Search taking too long - try reducing the set of messages searched",
  cancelled: "Command cancelled by user",
  readOnlyServer: "This connection is configured for read-only access",
  storeUnavailable: "Server(s) unavailable to complete operation",
  ioError: "System I/O error",
  diskFull: "System I/O error",
  internalError: "Internal Error",
};

const known: ReadonlySet<string> = new Set(mailErrorCodes);

/** Whether a string from outside (the writer's socket) is one of the codes. */
export function isMailErrorCode(code: string): code is MailErrorCode {
  return known.has(code);
}

/** A verb's refusal. Nothing was written. `detail` is for the protocol's answer or the log; it may hold octets from outside. */
export class MailError extends Error {
  override readonly name = "MailError";
  readonly code: MailErrorCode;
  readonly detail: string | undefined;

  constructor(code: MailErrorCode, detail?: string) {
    super(detail === undefined ? code : `${code} (${JSON.stringify(detail)})`);
    this.code = code;
    this.detail = detail;
  }
}

/** Refuses. Usable as an expression: `const entry = list.byName(name) ?? refuse("mailboxNonexistent")`. @throws MailError */
export function refuse(code: MailErrorCode, detail?: string): never {
  throw new MailError(code, detail);
}

/** The text shared by all protocols. Never contains anything a client sent, but for the one letter of `badRights`. */
export function refusalText(code: MailErrorCode, detail?: string): string {
  if (code === "badRights" && detail !== undefined && /^[!-~]$/.test(detail)) {
    return `The ${detail} right is not supported`;
  }
  return texts[code];
}

/** The refusal for an error of a file that a protocol writes itself, a staged message. */
export function fileFailure(error: unknown): "diskFull" | "ioError" {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" ? "diskFull" : "ioError";
}
