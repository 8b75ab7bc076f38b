import { copyUidCode, parseCopy } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import type { ImapCommand } from "../core.ts";
import { type CopyArguments, copyTarget, nothingThere } from "./copy.ts";

/** MOVE and UID MOVE: RFC 6851. */
export const move: ImapCommand<CopyArguments> = {
  name: "MOVE",
  capability: "MOVE",
  state: "selected",
  uidForm: "also",
  writes: true,
  parse: parseCopy,
  async run(session, { set, mailbox }, { byUid }) {
    const { box, mail, service } = session;
    if (box.readOnly) refuse("permissionDenied");
    const target = copyTarget(session, mailbox);
    if (typeof target !== "object") return target;
    const uids = box.uidSpans(box.seqnoRanges(set, byUid));
    const args = { from: box.uniqueId, uids, to: target.uniqueId, ignoreQuota: service.ignoreQuota };
    const moved = uids.length === 0 ? undefined : await mail.ask("messages.move", args);
    if (moved === undefined || moved.source.length === 0) return nothingThere(byUid);
    // COPYUID goes out untagged and before EXPUNGE, so that a client can pair the numbers (RFC 6851 §4.3).
    session.untagged(`OK ${copyUidCode(moved.uidValidity, moved.source, moved.target)} Completed`);
    return "OK Completed";
  },
};
