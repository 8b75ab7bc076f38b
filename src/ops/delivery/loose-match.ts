/** `lmtp_fuzzy_mailbox_match`: the mailbox a sloppily written address most likely means. */
import type { MboxName } from "../../formats/ids.ts";
import type { Snapshot } from "../../store/index.ts";

/** Mailboxes looked through for a match; more are not a name somebody types. */
const MAX_CANDIDATES = 10_000;

/**
 * The mailbox at or below `top` that equals `wanted` but for case and for blanks, underscores and hyphens; else the deepest one whose levels are the
 * first ones of `wanted`. Never `top` itself: that is what delivery falls back to anyway. @returns undefined when there is none
 */
export function looseMatch(snapshot: Snapshot, top: MboxName, wanted: MboxName): MboxName | undefined {
  const levels = loose(wanted.slice(top.length));
  let best: MboxName | undefined;
  for (const { name, mbox } of snapshot.children(top).slice(0, MAX_CANDIDATES)) {
    if (mbox === undefined) continue;
    const candidate = loose(name.slice(top.length));
    const fits = levels === candidate || levels.startsWith(`${candidate}.`);
    if (fits && (best === undefined || name.length > best.length)) best = name;
  }
  return best;
}

const loose = (levels: string): string => levels.toLowerCase().replace(/[ _-]/g, " ");
