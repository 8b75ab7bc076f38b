/** What LMTP says to each refusal. */
import { formatReply } from "../../formats/lmtp/index.ts";
import { type MailErrorCode, refusalText } from "../../ops/index.ts";

export interface AnswerContext {
  readonly sessionId: string;
  /** `lmtp_over_quota_perm_failure`. */
  readonly overQuotaIsFinal: boolean;
}

const unknownUser = formatReply("550 5.1.1", [
  "Mailbox unknown.  Either there is no mailbox associated with this",
  "name or you do not have authorization to see it.",
  "User unknown",
]);
const noPermission = formatReply("550 5.7.1", [
  "You do not have permission to post a message to this mailbox.",
  "Please contact the owner of this mailbox in order to submit",
  "your message, or <postmaster> if you believe you",
  "received this message in error.",
  "Permission denied",
]);

/** Code and enhanced status; the text is that of the refusal. */
const codes: Readonly<Record<MailErrorCode, string>> = {
  mailboxNonexistent: "550 5.1.1",
  userUnknown: "550 5.1.1",
  permissionDenied: "550 5.7.1",
  overQuota: "452 4.2.2",
  badMailboxFormat: "451 4.2.0",
  badMailboxType: "451 4.2.0",
  notSupported: "451 4.2.0",
  mailboxMoved: "451 4.2.1",
  mailboxReserved: "451 4.2.1",
  mailboxLocked: "451 4.2.1",
  diskFull: "451 4.3.1",
  serversUnavailable: "451 4.4.3",
  storeUnavailable: "451 4.4.3",
  containsNul: "554 5.6.0",
  bareNewlines: "554 5.6.0",
  nonAsciiHeader: "554 5.6.0",
  invalidHeader: "554 5.6.0",
  noHeaderBody: "554 5.6.0",
  zeroLengthMessage: "554 5.6.0",
  messageTooBig: "552 5.2.3",
  mailboxExists: "451 4.3.0",
  badName: "451 4.3.0",
  hasChildren: "451 4.3.0",
  badPartition: "451 4.3.0",
  badServer: "451 4.3.0",
  badIdentifier: "451 4.3.0",
  badRights: "451 4.3.0",
  quotaRootNonexistent: "451 4.3.0",
  badQuotaResource: "451 4.3.0",
  specialUseConflict: "451 4.3.0",
  badSpecialUse: "451 4.3.0",
  badAnnotationEntry: "451 4.3.0",
  badAnnotationAttribute: "451 4.3.0",
  badAnnotationValue: "451 4.3.0",
  noMatchingAnnotations: "451 4.3.0",
  noMatchingMessages: "451 4.3.0",
  tooManyUserFlags: "451 4.3.0",
  tooManyMessages: "451 4.3.0",
  badUrl: "451 4.3.0",
  unknownCte: "451 4.3.0",
  badCharset: "451 4.3.0",
  searchTooSlow: "451 4.3.0",
  cancelled: "451 4.3.0",
  readOnlyServer: "451 4.3.0",
  ioError: "451 4.3.0",
  internalError: "451 4.3.0",
};

/** The whole reply, with its line end. */
export function refusalReply(code: MailErrorCode, { sessionId, overQuotaIsFinal }: AnswerContext): string {
  switch (code) {
    case "mailboxNonexistent":
    case "userUnknown":
      return unknownUser;
    case "permissionDenied":
      return noPermission;
    case "overQuota":
      return `${overQuotaIsFinal ? "552 5.2.2" : "452 4.2.2"} Over quota SESSIONID=<${sessionId}>\r\n`;
    case "diskFull":
      return "451 4.3.1 mail system storage has been exceeded\r\n";
    default:
      return formatReply(codes[code], [refusalText(code)]);
  }
}
