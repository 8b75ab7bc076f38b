/**
 * \Recent: the first session that opens a mailbox for writing and sees a message is told so, and no later one (RFC 3501 §2.3.2). The boundary is the
 * mailbox's for its owner, and each other reader's own.
 */
import type { UniqueId } from "../../formats/ids.ts";
import { readSeen, writeSeen } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import type { Verb } from "../verb.ts";
import { hasOwnSeenFlag, messageBox } from "./message-box.ts";

export interface ClaimRecentArgs {
  readonly box: UniqueId;
  /** Claims messages up to this uid; undefined: all there are. */
  readonly upTo?: number;
}

/** Messages with uids above `after`, up to `upTo`, are \Recent for the session that asked. */
export interface ClaimRecentResult {
  readonly after: number;
  readonly upTo: number;
}

export const claimRecent: Verb<ClaimRecentArgs, ClaimRecentResult> = {
  name: "messages.claim-recent",
  run(context, args) {
    const { tx, access, caller } = context;
    const { box } = messageBox(context, args.box, Right.read);
    const writer = tx.mailbox(box.mbox);
    const { header } = writer;
    const upTo = Math.min(args.upTo ?? header.lastUid, header.lastUid);
    if (hasOwnSeenFlag(access, box, header)) {
      const after = header.recentUid;
      if (upTo > after) {
        header.recentUid = upTo;
        header.recentTime = tx.now;
        writer.touch();
      }
      return { after, upTo };
    }
    if (caller.userId === undefined) return { after: header.lastUid, upTo };
    const old = readSeen(tx.db, caller.userId, box.uniqueId);
    const after = old?.recentUid ?? 0;
    if (upTo > after || !old) {
      const seen = old ?? { lastChange: 0, uids: "" };
      writeSeen(tx.db, caller.userId, box.uniqueId, { ...seen, lastRead: tx.now, recentUid: Math.max(upTo, after) });
    }
    return { after, upTo };
  },
};
