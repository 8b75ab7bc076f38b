/** STATUS: RFC 3501 §6.3.10, RFC 7162 §3.1.4, RFC 8438, RFC 8474. */
import type { MboxName } from "../../formats/ids.ts";
import type { ListEntry, MailboxHeader, Snapshot } from "../../store/index.ts";
import { type Access, Right } from "../acl/index.ts";
import { refuse } from "../errors.ts";
import { hasOwnSeenFlag } from "../messages/message-box.ts";
import { parseUidRanges } from "../messages/uid-ranges.ts";
import { readableEntry } from "./read.ts";

export interface MailboxStatus {
  readonly messages: number;
  readonly recent: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  /** RFC 8474 §4.3. */
  readonly mailboxId: string;
  readonly unseen: number;
  readonly sizeOctets: number;
  readonly highestModseq: number;
  readonly createdModseq: number;
}

/** Which values cost more than reading the header. */
export interface StatusWanted {
  readonly recent: boolean;
  readonly unseen: boolean;
}

/** @throws MailError mailboxNonexistent; permissionDenied without "r" */
export function mailboxStatus(snapshot: Snapshot, access: Access, name: MboxName, wanted: StatusWanted): MailboxStatus {
  return statusOf(snapshot, access, readableEntry(snapshot, access, name, Right.read), wanted);
}

/** For an entry that the caller may read; LIST has found it already. */
export function statusOf(snapshot: Snapshot, access: Access, entry: ListEntry, wanted: StatusWanted): MailboxStatus {
  const header = (entry.mbox === undefined ? undefined : snapshot.header(entry.mbox)) ?? refuse("mailboxNonexistent");
  const isOwnSeen = hasOwnSeenFlag(access, entry, header);
  return {
    messages: header.exists,
    recent: wanted.recent ? recentCount(snapshot, access, header, isOwnSeen) : 0,
    uidNext: header.lastUid + 1,
    uidValidity: header.uidValidity,
    mailboxId: entry.uniqueId,
    unseen: isOwnSeen || !wanted.unseen ? header.unseen : unseenCount(snapshot, access, header),
    sizeOctets: header.sizeOctets,
    highestModseq: header.highestModseq,
    createdModseq: entry.createdModseq,
  };
}

/** Messages above the boundary that the next session to open the mailbox will find \Recent. */
function recentCount(snapshot: Snapshot, access: Access, header: MailboxHeader, isOwnSeen: boolean): number {
  const { userId } = access.caller;
  if (!isOwnSeen && userId === undefined) return 0;
  const boundary = isOwnSeen ? header.recentUid : (snapshot.seen(userId!, header.uniqueId)?.recentUid ?? 0);
  if (boundary >= header.lastUid) return 0;
  if (boundary === 0) return header.exists;
  const map = snapshot.uidMap(header);
  return map.count - map.countUpTo(boundary);
}

/** For readers with a seen set of their own: the live messages that are not in it. */
function unseenCount(snapshot: Snapshot, access: Access, header: MailboxHeader): number {
  const { userId } = access.caller;
  const seen = userId === undefined ? undefined : snapshot.seen(userId, header.uniqueId);
  if (seen === undefined || seen.uids === "") return header.exists;
  const map = snapshot.uidMap(header);
  let count = 0;
  for (const { first, last } of parseUidRanges(seen.uids)) count += map.countUpTo(last) - map.countUpTo(first - 1);
  return map.count - count;
}
