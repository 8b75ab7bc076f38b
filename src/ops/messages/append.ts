/** APPEND: one or more messages to one mailbox, all or none (RFC 3502). */
import type { UniqueId, UidRange } from "../../formats/ids.ts";
import { appendMessage, Flag, type MessageBox } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import { requireQuota } from "../quota/index.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { type FlagArgs, wantedUserBits } from "./flags.ts";
import { incomingMessage, type MessageArgs } from "./incoming.ts";
import { flagMask, hasOwnSeenFlag, messageBox } from "./message-box.ts";
import { changeSeen } from "./seen-state.ts";

export interface AppendArgs {
  readonly box: UniqueId;
  readonly messages: readonly (MessageArgs & { readonly flags: FlagArgs })[];
  /** Do not look at the quota (`imapd -q`, IGNOREQUOTA). */
  readonly ignoreQuota?: boolean;
}

export interface AppendResult {
  readonly uidValidity: number;
  readonly uids: UidRange;
}

export const append: Verb<AppendArgs, AppendResult> = {
  name: "messages.append",
  run(context, { box: uniqueId, messages, ignoreQuota }, octets) {
    const { tx, access } = context;
    const { box, rights } = messageBox(context, uniqueId, Right.insert);
    const root = tx.quotaRoot(box.name);
    if (root && !ignoreQuota) {
      const total = messages.reduce((sum, { sizeOctets }) => sum + sizeOctets, 0);
      requireQuota(tx.quota(root), { octets: total, messages: messages.length });
    }
    const writer = tx.mailbox(box.mbox);
    const { header } = writer;
    const mask = flagMask(rights);
    const ownSeen = hasOwnSeenFlag(access, box, header);
    const first = header.lastUid + 1;
    let at = 0;
    for (const args of messages) {
      const { message, next } = incomingMessage(args, octets, at);
      at = next;
      // Flags that the rights do not cover are left out, not refused (RFC 4314 §4).
      const user = wantedUserBits(context, writer, rights & Right.write ? args.flags.user : []);
      const system = args.flags.system & mask;
      const uid = appendMessage(tx, box, message, { system: ownSeen ? system : system & ~Flag.seen, user });
      if (!ownSeen && system & Flag.seen) changeSeen(context, box, "add", [{ first: uid, last: uid }]);
      auditAppend(context, box, uid, args);
    }
    return { uidValidity: header.uidValidity, uids: { first, last: header.lastUid } };
  },
};

export function auditAppend(
  context: VerbContext,
  box: MessageBox,
  uid: number,
  { guid, sizeOctets }: MessageArgs,
): void {
  context.audit("append", {
    mailbox: box.name,
    uniqueid: box.uniqueId,
    uid,
    modseq: context.tx.mailbox(box.mbox).header.highestModseq,
    sysflags: "",
    guid,
    size: sizeOctets,
  });
}
