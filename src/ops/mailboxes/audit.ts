/**
 * Audit lines as data. A verb says what it did; the note reaches `GroupHooks.published` once the change is durable, and is logged there when `auditlog` is
 * on. Names and order of fields are what administrators' scripts know; values are not yet quoted for a log line.
 */

export interface AuditLine {
  readonly event: "create" | "delete" | "rename" | "partitionmove" | "acl" | "newquota" | "rmquota" | "setquota";
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** What verbs leave with `tx.note`. */
export interface AuditNote {
  readonly audit: AuditLine;
}

export function auditLine(event: AuditLine["event"], fields: Readonly<Record<string, string | number>>): AuditLine {
  return { event, fields: Object.entries(fields).map(([name, value]) => [name, String(value)] as const) };
}
