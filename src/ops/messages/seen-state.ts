/** \Seen of people who read somebody else's mailbox: a set of uids of their own. */
import type { UidRange } from "../../formats/ids.ts";
import { type MessageBox, readSeen, type SeenState, writeSeen } from "../../store/index.ts";
import type { VerbContext } from "../verb.ts";
import { formatUidRanges, normalRanges, parseUidRanges, subtractRanges } from "./uid-ranges.ts";

const unread: SeenState = { lastRead: 0, recentUid: 0, lastChange: 0, uids: "" };

/** Changes the caller's own seen set; does nothing for anonymous. Tells sessions that the mailbox changed. */
export function changeSeen(
  context: VerbContext,
  box: MessageBox,
  mode: "add" | "remove",
  uids: readonly UidRange[],
): void {
  const { tx, caller } = context;
  if (caller.userId === undefined || uids.length === 0) return;
  const old = readSeen(tx.db, caller.userId, box.uniqueId) ?? unread;
  const before = parseUidRanges(old.uids);
  const after = mode === "add" ? normalRanges([...before, ...uids]) : subtractRanges(before, normalRanges(uids));
  const text = formatUidRanges(after);
  if (text === old.uids) return;
  writeSeen(tx.db, caller.userId, box.uniqueId, { ...old, lastChange: tx.now, uids: text });
  const { header } = tx.mailbox(box.mbox);
  tx.changed(header, uids[0]!.first);
  tx.changed(header, uids.at(-1)!.last);
}
