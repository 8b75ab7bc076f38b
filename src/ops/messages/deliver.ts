/** Delivery of one message to several mailboxes: each gets it or is refused by itself; the octets are stored once for each partition. */
import type { UniqueId } from "../../formats/ids.ts";
import { appendMessage, type MessageBox } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import { MailError, type MailErrorCode, refuse } from "../errors.ts";
import { isDeletedName } from "../names/index.ts";
import { requireQuota } from "../quota/index.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { auditAppend } from "./append.ts";
import { type FlagArgs, wantedUserBits } from "./flags.ts";
import { incomingMessage, type MessageArgs } from "./incoming.ts";

export interface DeliverTarget {
  readonly box: UniqueId;
  readonly flags: FlagArgs;
  /** `lenient`: one message may go over the STORAGE limit. */
  readonly quota: "strict" | "lenient" | "ignore";
  /** Whether the poster must have "p": for everything but a user's INBOX, which anybody may write to. */
  readonly needsPost: boolean;
}

export interface DeliverArgs {
  readonly message: MessageArgs;
  readonly targets: readonly DeliverTarget[];
}

/** One for each target, in order. */
export type Delivered =
  | { readonly uid: number; readonly uidValidity: number }
  | { readonly refused: MailErrorCode; readonly detail?: string | undefined };

export const deliver: Verb<DeliverArgs, Delivered[]> = {
  name: "messages.deliver",
  run(context, { message: args, targets }, octets) {
    const { message } = incomingMessage(args, octets, 0);
    const copies = new Map<string, { box: MessageBox; uid: number }>();
    return targets.map((target): Delivered => {
      let box: MessageBox;
      try {
        box = permittedTarget(context, target, message.sizeOctets);
      } catch (error) {
        if (error instanceof MailError) return { refused: error.code, detail: error.detail };
        throw error;
      }
      const { tx } = context;
      const writer = tx.mailbox(box.mbox);
      const user = wantedUserBits(context, writer, target.flags.user);
      const uid = appendMessage(tx, box, message, { system: target.flags.system, user }, copies.get(box.partition));
      copies.set(box.partition, { box, uid });
      auditAppend(context, box, uid, args);
      return { uid, uidValidity: writer.header.uidValidity };
    });
  },
};

function permittedTarget({ tx, access, rules }: VerbContext, target: DeliverTarget, octets: number): MessageBox {
  const entry = tx.entryByUniqueId(target.box);
  if (!entry || entry.mbox === undefined) return refuse("mailboxNonexistent");
  // Deleted since the recipient was accepted: it is still there, but nobody would look for mail in it.
  if (isDeletedName(entry.name, rules.names.deletedPrefix)) refuse("mailboxNonexistent");
  if (target.needsPost && (access.rights(entry.name, entry.acl) & Right.post) === 0) refuse("permissionDenied");
  const root = tx.quotaRoot(entry.name);
  if (root && target.quota !== "ignore") requireQuota(tx.quota(root), { octets, messages: 1 }, target.quota);
  return entry as MessageBox;
}
