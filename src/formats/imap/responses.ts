/** Whole response lines (RFC 3501 §7), as Cyrus prints them. */
import type { ResponseWriter } from "./response-writer.ts";
import { formatRanges, type NumberRange } from "./sequence-set.ts";
import { type StatusItem, statusItems } from "./status.ts";

/** `a1 OK Completed`. `text` may begin with a response code; control characters become "?". */
export function tagged(out: ResponseWriter, tag: string, text: string): void {
  out.text(tag).space().line(text);
}

/** `* OK [UIDVALIDITY 1] Ok`. */
export function untagged(out: ResponseWriter, text: string): void {
  out.text("* ").line(text);
}

/** `* 5 EXISTS`, `* 2 EXPUNGE`. */
export function numbered(out: ResponseWriter, number: number, word: string): void {
  out.text("* ").decimal(number).space().line(word);
}

/** `* FLAGS (\Answered ...)`. */
export function flagsLine(out: ResponseWriter, flags: readonly string[]): void {
  out.text("* FLAGS (").text(flags.join(" ")).text(")").crlf();
}

/**
 * `* LIST (\HasChildren) "/" INBOX`, for LIST, LSUB, XLIST.
 * @param separator null prints NIL (RFC 3501 §7.2.2)
 * @param childInfo adds `("CHILDINFO" ("SUBSCRIBED"))` (RFC 5258 §4)
 */
export function listLine(
  out: ResponseWriter,
  word: "LIST" | "LSUB" | "XLIST",
  attributes: readonly string[],
  separator: string | null,
  mailbox: string,
  childInfo?: readonly string[],
): void {
  out
    .text("* ")
    .text(word)
    .text(" (")
    .text(attributes.join(" "))
    .text(") ")
    .nstring(separator)
    .space()
    .astring(mailbox);
  if (childInfo !== undefined && childInfo.length > 0) {
    out
      .text(' ("CHILDINFO" (')
      .text(childInfo.map((option) => `"${option}"`).join(" "))
      .text("))");
  }
  out.crlf();
}

/** `* STATUS INBOX (MESSAGES 5 UIDNEXT 6)`; MAILBOXID's value is a text, shown in parentheses. Order is fixed. */
export function statusLine(
  out: ResponseWriter,
  mailbox: string,
  values: ReadonlyMap<StatusItem, number | string>,
): void {
  out.text("* STATUS ").astring(mailbox).text(" (");
  let first = true;
  for (const item of statusItems) {
    const value = values.get(item);
    if (value === undefined) continue;
    if (!first) out.space();
    first = false;
    out.text(item).space();
    if (typeof value === "number") out.decimal(value);
    else out.text(`(${value})`);
  }
  out.text(")").crlf();
}

/** `* ACL shared anyone lrs -bob w`. */
export function aclLine(out: ResponseWriter, mailbox: string, entries: Iterable<readonly [string, string]>): void {
  out.text("* ACL ").astring(mailbox);
  for (const [identifier, rights] of entries) out.space().astring(identifier).space().astring(rights);
  out.crlf();
}

/** `* LISTRIGHTS shared alice "" l r s`: what is always granted, then what can be granted, each in groups. */
export function listRightsLine(
  out: ResponseWriter,
  mailbox: string,
  identifier: string,
  always: string,
  groups: readonly string[],
): void {
  out.text("* LISTRIGHTS ").astring(mailbox).space().astring(identifier).space().astring(always);
  for (const group of groups) out.space().text(group);
  out.crlf();
}

/** `* MYRIGHTS INBOX lrs`. */
export function myRightsLine(out: ResponseWriter, mailbox: string, rights: string): void {
  out.text("* MYRIGHTS ").astring(mailbox).space().astring(rights).crlf();
}

export interface QuotaUse {
  /** `STORAGE`. */
  readonly resource: string;
  /** In the resource's units. */
  readonly used: number;
  readonly limit: number;
}

/** `* QUOTA user/alice (STORAGE 0 100 MESSAGE 0 50)`. */
export function quotaLine(out: ResponseWriter, root: string, uses: readonly QuotaUse[]): void {
  out.text("* QUOTA ").astring(root).text(" (");
  uses.forEach(({ resource, used, limit }, i) => {
    if (i > 0) out.space();
    out.text(resource).space().decimal(used).space().decimal(limit);
  });
  out.text(")").crlf();
}

/** `* QUOTAROOT INBOX INBOX`; no root: the mailbox alone. */
export function quotaRootLine(out: ResponseWriter, mailbox: string, roots: readonly string[]): void {
  out.text("* QUOTAROOT ").astring(mailbox);
  for (const root of roots) out.space().astring(root);
  out.crlf();
}

/** A prefix and separator of NAMESPACE. */
export type Namespace = { readonly prefix: string; readonly separator: string };

/** `* NAMESPACE (("INBOX/" "/")) (("user/" "/")) NIL`: personal, others', shared; undefined is NIL (RFC 2342 §5). */
export function namespaceLine(
  out: ResponseWriter,
  namespaces: readonly [personal: Namespace | undefined, others: Namespace | undefined, shared: Namespace | undefined],
): void {
  out.text("* NAMESPACE");
  for (let i = 0; i < 3; i++) {
    const namespace = namespaces[i];
    if (namespace === undefined) out.text(" NIL");
    else out.text(" ((").string(namespace.prefix).space().string(namespace.separator).text("))");
  }
  out.crlf();
}

/** `* ID ("name" "x")`, or `* ID NIL` for none. */
export function idLine(out: ResponseWriter, pairs: Iterable<readonly [string, string | null]>): void {
  let first = true;
  for (const [field, value] of pairs) {
    out
      .text(first ? "* ID (" : " ")
      .string(field)
      .space()
      .nstring(value);
    first = false;
  }
  out.line(first ? "* ID NIL" : ")");
}

/** `[APPENDUID 1795445676 1:3]` (RFC 4315 §3). */
export function appendUidCode(uidvalidity: number, uids: Iterable<NumberRange>): string {
  return `[APPENDUID ${uidvalidity} ${formatRanges(uids)}]`;
}

/** `[COPYUID 1795445678 1:2 4,6]` (RFC 4315 §3): both in the same order, one uid for one. */
export function copyUidCode(uidvalidity: number, source: Iterable<NumberRange>, target: Iterable<NumberRange>): string {
  return `[COPYUID ${uidvalidity} ${formatRanges(source)} ${formatRanges(target)}]`;
}

/** `* VANISHED (EARLIER) 1:3` (RFC 7162 §3.2.10). Nothing for no uids. */
export function vanishedLine(out: ResponseWriter, uids: Iterable<NumberRange>, earlier: boolean): void {
  const set = formatRanges(uids);
  if (set !== "") out.text(earlier ? "* VANISHED (EARLIER) " : "* VANISHED ").line(set);
}
