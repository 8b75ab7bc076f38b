/** How far a session has followed its mailbox: what sessions that are told the same have in common. */
import type { UidRange } from "../../../formats/ids.ts";
import type { MailboxHeader, UidMap } from "../../../store/index.ts";
import type { FlagText } from "./flag-text.ts";

export interface FollowState {
  readonly map: UidMap;
  readonly flagText: FlagText;
  readonly modseq: number;
  readonly membership: number;
  readonly listVersion: number;
  readonly seenText: string;
  readonly seen: readonly UidRange[];
  /** SelectedMailbox.followKey of a session that has come here. */
  readonly key: string;
}

/** One state of a mailbox on its way to many sessions. */
export interface News {
  readonly header: MailboxHeader | undefined;
  /** What was written for a session, by SelectedMailbox.followKey: others with the same key get the same octets. */
  readonly lines: Map<string, { readonly state: FollowState; readonly octets: Buffer }>;
}
