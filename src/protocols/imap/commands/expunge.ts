import { parseNothing, parseUidExpunge, type SequenceSet } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import type { UidRange } from "../../../formats/ids.ts";
import type { ImapCommand } from "../core.ts";
import type { ImapSession } from "../core.ts";

/** EXPUNGE: RFC 3501 §6.4.3. */
export const expunge: ImapCommand<void> = {
  name: "EXPUNGE",
  state: "selected",
  writes: true,
  parse: parseNothing,
  run: (session) => run(session, undefined),
};

/** UID EXPUNGE: RFC 4315 §2.1. */
export const uidExpunge: ImapCommand<SequenceSet> = {
  name: "EXPUNGE",
  state: "selected",
  uidForm: "only",
  writes: true,
  parse: parseUidExpunge,
  run(session, set) {
    const { box } = session;
    return run(session, box.uidSpans(box.seqnoRanges(set, true)));
  },
};

async function run(session: ImapSession, uids: readonly UidRange[] | undefined): Promise<string> {
  const { box, mail } = session;
  if (box.readOnly) refuse("permissionDenied");
  if (uids !== undefined && uids.length === 0) return "OK Completed";
  const { expunged, highestModseq } = await mail.ask("messages.expunge", {
    box: box.uniqueId,
    ...(uids === undefined ? {} : { uids }),
  });
  return expunged.length === 0 ? "OK Completed" : `OK [HIGHESTMODSEQ ${highestModseq}] Completed`;
}
