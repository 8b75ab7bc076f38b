/** The words that sessions, commands and the process share: what a session is to a command, and what a command is to a session. */
import type { Arguments, ChunkPool, CommandReader, ImapLimits } from "../../formats/imap/index.ts";
import type { CallerMail, Mail } from "../../ops/index.ts";
import type { Namespace } from "../../ops/names/index.ts";
import type { Authenticator, Identity } from "../../server/auth/index.ts";
import type { Connection } from "../../server/connection/index.ts";
import type { WorkerContext } from "../../server/worker/index.ts";
import type { CacheMemory, Snapshot } from "../../store/index.ts";
import type { AppendInput } from "./append/append-input.ts";
import type { SelectedMailbox, TellOptions } from "./mailbox/selected-mailbox.ts";
import type { MailboxHub, Watcher } from "./mailbox/shared-mailbox.ts";
import type { Output } from "./output.ts";

/** What all IMAP sessions of a process share. */
export interface ImapService {
  readonly context: WorkerContext;
  readonly mail: Mail;
  readonly logins: Authenticator;
  readonly hub: MailboxHub;
  readonly pool: ChunkPool;
  readonly cacheMemory: CacheMemory;
  readonly limits: { readonly preLogin: ImapLimits; readonly session: ImapLimits };
  readonly commands: ReadonlyMap<string, TableCommand>;
  readonly capabilities: readonly string[];
  /** `suppress_capabilities`. */
  readonly suppressed: ReadonlySet<string>;
  /** `-p N`: strength of a security layer outside of us (a TLS proxy). */
  readonly externalSsf: number;
  /** `-q`: quotas do not hold here. */
  readonly ignoreQuota: boolean;
  /** `-N`: logins without password, for tests. */
  readonly withoutPassword: boolean;
  /** `maxmessagesize`; 0: no limit. */
  readonly maxMessageOctets: number;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** One client, as its commands see it. */
export interface ImapSession extends Watcher {
  readonly service: ImapService;
  readonly connection: Connection;
  readonly reader: CommandReader;
  readonly out: Output;
  readonly sessionId: string;
  /** Undefined before login. */
  readonly identity: Identity | undefined;
  /** Mail as the user has it. Only after login. */
  readonly mail: CallerMail;
  /** Names as the user sees them. Only after login. */
  readonly names: Namespace;
  selected: SelectedMailbox | undefined;
  /** The selected mailbox; commands of state "selected" have one. @throws MailError when it was deleted */
  readonly box: SelectedMailbox;
  /** IDLE is under way. */
  isWaiting: boolean;
  /** APPEND's messages as they come. */
  append: AppendInput | undefined;
  /** `plaintextloginalert`, to be sent at the next command. */
  pendingAlert: string | undefined;
  /** Before login the first ID is answered in full, more of them are not. */
  idAnswered: boolean;
  /** The session is about to end, so that long loops may as well stop. */
  readonly isEnding: boolean;
  view<T>(step: (snapshot: Snapshot) => T): T;
  /** `* TEXT` */
  untagged(text: string): void;
  /** Sends `+ TEXT`, and what was written before it. */
  goAhead(text?: string): void;
  /** The client's next line outside of the command grammar; undefined when the connection is gone. */
  nextLine(max: number): Promise<string | undefined>;
  /** IDLE begins: news is pushed until the client's next line, which ends it. */
  beginIdle(tag: string): void;
  /** After a login that succeeded. */
  loggedIn(identity: Identity): void;
  /** Tells what changed in the selected mailbox, all of it. @returns false when the client is gone */
  tellChanges(options: TellOptions): Promise<boolean>;
  /** Ends the session: `* BYE TEXT`. */
  bye(text: string): void;
}

/** Where in a session's life a command is allowed (RFC 3501 §3). */
export type CommandState = "any" | "notLoggedIn" | "loggedIn" | "selected";

/** One use of a command. */
export interface Call {
  readonly tag: string;
  /** Sent as `UID NAME`: numbers in arguments and answers are uids. */
  readonly byUid: boolean;
  /** `Fetch`, as answers show it. */
  readonly name: string;
}

/**
 * Text of the tagged answer, `OK Completed`, which may begin with a response code; undefined when the command has answered
 * by itself.
 */
export type Answer = string | undefined;

export interface ImapCommand<Args> {
  readonly name: string;
  /** What it adds to CAPABILITY; see capability.ts for order and conditions. */
  readonly capability?: string;
  readonly state: CommandState;
  /** There is a `UID NAME` too. */
  readonly uidForm?: "also" | "only";
  /**
   * Whether `* n EXPUNGE` may be sent at its end. Never while a client may have numbers of its own under way: FETCH, STORE
   * and SEARCH by seqnos (RFC 3501 §7.4.1). Their UID forms may.
   */
  readonly expunges?: "never" | "uidFormOnly";
  /** Its answer is the state of the selected mailbox as it is now, so that there is no news to look for after it. */
  readonly isWholeState?: boolean;
  /** Whether a session of a read-only server (option `readonly`) may use it. Default: yes. */
  readonly writes?: boolean;
  /** Reads all arguments. @throws ImapSyntaxError answered with BAD */
  parse(args: Arguments, session: ImapSession): Args;
  /** @throws MailError answered by the table of answers.ts */
  run(session: ImapSession, args: Args, call: Call): Answer | Promise<Answer>;
  /** A literal was announced among its arguments. Absent: it is gathered. */
  literal?(session: ImapSession, literal: AnnouncedLiteral): Promise<void> | void;
}

export interface AnnouncedLiteral {
  readonly args: Arguments;
  readonly sizeOctets: number;
  readonly sync: boolean;
  readonly binary: boolean;
}

/** A command with its argument type closed over, so that one table holds all. */
export interface TableCommand extends Omit<ImapCommand<never>, "parse" | "run"> {
  prepare(args: Arguments, session: ImapSession): (session: ImapSession, call: Call) => Answer | Promise<Answer>;
}
