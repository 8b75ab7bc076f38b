/** What the random script asks of a store, and what the store answers. Both are written to the log as JSON lines. */

/** A message is named by how to make it again: the checker needs no copy of the octets. */
export interface MessageSpec {
  readonly seed: number;
  readonly sizeOctets: number;
}
export type Action =
  | {
      readonly verb: "create";
      readonly name: string;
      readonly partition?: string;
      /** Missing parents are made as well. */
      readonly parents?: boolean;
    }
  | AppendAction
  /** One message to the inboxes of several users: stored once, linked. */
  | { readonly verb: "deliver"; readonly to: readonly string[]; readonly message: MessageSpec }
  | {
      readonly verb: "flags";
      readonly name: string;
      readonly uids: readonly number[];
      readonly add: readonly string[];
      readonly remove: readonly string[];
      /** Each message on its own, in order of uids. */
      readonly sliced?: boolean;
    }
  | {
      readonly verb: "copy" | "move";
      readonly from: string;
      readonly uids: readonly number[];
      readonly to: string;
      readonly sliced?: boolean;
    }
  | {
      readonly verb: "expunge";
      readonly name: string;
      readonly uids: readonly number[];
      /** Of those only the ones with \Deleted. */
      readonly onlyDeleted?: boolean;
      readonly sliced?: boolean;
    }
  /** With everything below the name. */
  | { readonly verb: "rename"; readonly from: string; readonly to: string; readonly parents?: boolean }
  /** Of a user's inbox: with everything below. */
  | { readonly verb: "delete"; readonly name: string }
  | { readonly verb: "acl"; readonly name: string; readonly identifier: string; readonly rights: string }
  /** To another partition. */
  | { readonly verb: "relocate"; readonly name: string; readonly partition: string }
  | { readonly verb: "quota"; readonly root: string; readonly limitOctets: number }
  /** Time for work that the store does on its own: checkpoint, files, unlinking. Changes nothing that a user sees. */
  | { readonly verb: "housekeeping"; readonly what: "checkpoint" | "expire" };
export interface AppendAction {
  readonly verb: "append";
  readonly name: string;
  readonly message: MessageSpec;
  readonly flags: readonly string[];
  /** Seconds since 1970. */
  readonly internaldate: number;
}

/** A mailbox as an answer names it. */
export interface MailboxAnswer {
  readonly name: string;
  readonly uniqueid: string | undefined;
  readonly uidvalidity: number | undefined;
  readonly acl?: string | undefined;
  /** rename: the name before. */
  readonly from?: string;
  /** delete: whether it lives on below DELETED. */
  readonly kept?: boolean | undefined;
}
/** One message stored: append, and each recipient of deliver. */
export interface StoredAnswer {
  readonly uid: number;
  readonly uidvalidity: number | undefined;
  readonly modseq: number | undefined;
}
export interface CopiedAnswer {
  readonly from: number;
  readonly to: number;
  readonly modseq: number | undefined;
  /** What was copied, where the source was changed or went while the copy was under way. */
  readonly message?: {
    readonly flags: readonly string[];
    readonly digest: string;
    readonly sizeOctets: number;
    readonly internaldate: number;
  };
}
export interface ChangedAnswer {
  readonly uid: number;
  readonly modseq: number | undefined;
}
/**
 * A refusal changed nothing. Fields that a verb does not give are left out. A store always fills in what it gives; values are
 * undefined only in what is foretold of an action in flight.
 */
export type Outcome =
  | { readonly ok: false; readonly refused: string }
  | {
      readonly ok: true;
      /** Everything that it did has been told before, part by part. */
      readonly closed?: true;
      /** Names of the action that have been changed by a RENAME since it began. */
      readonly now?: { readonly name?: string; readonly from?: string; readonly to?: string };
      readonly acl?: string;
      /** append: one; deliver: one for each name in `to`, null for a refused one. */
      readonly stored?: readonly (StoredAnswer | null)[];
      /** copy, move: the new messages, in order of their uids. */
      readonly copied?: readonly CopiedAnswer[];
      /** The flags of the copies cannot be foretold. */
      readonly anyFlags?: boolean;
      /** flags, expunge: messages that were changed, with their new modseqs. */
      readonly changed?: readonly ChangedAnswer[];
      /** move: highestmodseq of the source mailbox afterwards. */
      readonly sourceModseq?: number | undefined;
      /** create, rename: the mailboxes with their new names; delete: those that are gone. */
      readonly mailboxes?: readonly MailboxAnswer[];
    };

const words = "mail store commit sync octet mailbox flag quota cache journal sector power cut proof".split(" ");

/** The octets of a message: a small RFC 5322 message of exactly `sizeOctets` (at least 200), CRLF lines. */
export function messageOctets({ seed, sizeOctets }: MessageSpec): Buffer {
  const head =
    `Date: Mon, 2 Nov 2026 10:${String(seed % 60).padStart(2, "0")}:00 +0000\r\nFrom: Sim <sim@example.org>\r\n` +
    `To: user@example.org\r\nSubject: message ${seed}\r\nMessage-ID: <${seed}.${sizeOctets}@example.org>\r\n\r\n`;
  const out = Buffer.alloc(sizeOctets, 0x2e);
  let at = out.write(head, "latin1");
  let word = seed;
  while (at < sizeOctets - 2) {
    word = (Math.imul(word, 1103515245) + 12345) >>> 0;
    at += out.write(`${words[word % words.length]}${word % 997}${word % 11 === 0 ? "\r\n" : " "}`, at, "latin1");
  }
  out.write("\r\n", sizeOctets - 2, "latin1");
  return out;
}
