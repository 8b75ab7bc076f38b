/** Answers to refusals, with the texts of Cyrus 3.6. A new code does not compile until it has one. */
import { type MailError, type MailErrorCode, refusalText } from "../../ops/index.ts";

type Word = "NO" | "BAD" | `NO [${string}]`;

/** The text after the word is the one shared by all protocols (ops/errors.ts). */
const words: Readonly<Record<MailErrorCode, Word>> = {
  mailboxNonexistent: "NO",
  mailboxExists: "NO",
  badName: "NO",
  badMailboxType: "NO",
  mailboxMoved: "NO",
  mailboxReserved: "NO",
  mailboxLocked: "NO",
  badMailboxFormat: "NO",
  notSupported: "NO",
  hasChildren: "NO [HASCHILDREN]",
  badPartition: "NO",
  badServer: "NO",
  serversUnavailable: "NO",
  userUnknown: "NO",
  permissionDenied: "NO",
  badIdentifier: "NO",
  badRights: "BAD",
  overQuota: "NO",
  quotaRootNonexistent: "NO",
  badQuotaResource: "NO",
  specialUseConflict: "NO",
  badSpecialUse: "NO [USEATTR]",
  badAnnotationEntry: "NO",
  badAnnotationAttribute: "NO",
  badAnnotationValue: "NO",
  noMatchingAnnotations: "NO",
  noMatchingMessages: "NO",
  messageTooBig: "NO [TOOBIG]",
  tooManyUserFlags: "NO",
  tooManyMessages: "NO",
  containsNul: "NO",
  bareNewlines: "NO",
  nonAsciiHeader: "NO",
  invalidHeader: "NO",
  noHeaderBody: "NO",
  zeroLengthMessage: "NO",
  badUrl: "NO",
  unknownCte: "NO [UNKNOWN-CTE]",
  // Cyrus 3.6 has no BADCHARSET code and answers BAD; clients see Cyrus.
  badCharset: "BAD",
  searchTooSlow: "NO",
  cancelled: "NO",
  readOnlyServer: "NO",
  storeUnavailable: "NO",
  ioError: "NO",
  diskFull: "NO",
  internalError: "NO",
};

export function refusalAnswer({ code, detail }: Pick<MailError, "code" | "detail">): string {
  return `${words[code]} ${refusalText(code, detail)}`;
}
