/**
 * Audit lines of this folder: which fields an event has, and in which order, is what administrators' scripts know. They become `AuditNote`s of the
 * transaction, which are written after the commit when `auditlog` is on.
 */

export type MailboxEvent =
  | "create"
  | "delete"
  | "rename"
  | "partitionmove"
  | "acl"
  | "newquota"
  | "rmquota"
  | "setquota";

export interface AuditLine {
  readonly event: MailboxEvent;
  /** In order; the session's id comes before them. */
  readonly fields: Readonly<Record<string, string | number>>;
}

export function auditLine(event: MailboxEvent, fields: AuditLine["fields"]): AuditLine {
  return { event, fields };
}
