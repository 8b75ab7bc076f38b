/** COPY and UID COPY: RFC 3501 §6.4.7, with UIDPLUS (RFC 4315 §3). */
import type { UniqueId } from "../../../formats/ids.ts";
import { copyUidCode, parseCopy, type SequenceSet } from "../../../formats/imap/index.ts";
import { MailError, Right } from "../../../ops/index.ts";
import { refusalAnswer } from "../answers.ts";
import type { ImapCommand } from "../core.ts";
import { findMailbox, mayCreate } from "../mailbox/find.ts";
import type { ImapSession } from "../core.ts";

export interface CopyArguments {
  readonly set: SequenceSet;
  readonly mailbox: string;
}

export const copy: ImapCommand<CopyArguments> = {
  name: "COPY",
  state: "selected",
  uidForm: "also",
  writes: true,
  parse: parseCopy,
  async run(session, { set, mailbox }, { byUid }) {
    const { box, mail, service } = session;
    const target = copyTarget(session, mailbox);
    if (typeof target !== "object") return target;
    const uids = box.uidSpans(box.seqnoRanges(set, byUid));
    const args = { from: box.uniqueId, uids, to: target.uniqueId, ignoreQuota: service.ignoreQuota };
    const copied = uids.length === 0 ? undefined : await mail.ask("messages.copy", args);
    if (copied === undefined || copied.source.length === 0) return nothingThere(byUid);
    return `OK ${copyUidCode(copied.uidValidity, copied.source, copied.target)} Completed`;
  },
};

/** COPY of numbers that are not there is refused, UID COPY of such uids is not (RFC 3501 §6.4.8). */
export function nothingThere(byUid: boolean): string {
  return byUid ? "OK Completed" : "NO No matching messages";
}

/** The mailbox to copy to; or the answer when there is none, or none to copy to. */
export function copyTarget(session: ImapSession, mailbox: string): { readonly uniqueId: UniqueId } | string {
  const { mail, names } = session;
  return session.view((snapshot) => {
    try {
      return { uniqueId: findMailbox(snapshot, mail, names.toInternal(mailbox), Right.insert).entry.uniqueId };
    } catch (error) {
      if (
        error instanceof MailError &&
        error.code === "mailboxNonexistent" &&
        mayCreate(snapshot, mail, names, mailbox)
      )
        return "NO [TRYCREATE] Mailbox does not exist";
      if (error instanceof MailError) return refusalAnswer(error);
      throw error;
    }
  });
}
