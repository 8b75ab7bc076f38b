/** What a command is: one object in one file of commands/, found by its name in the table there. */
import type { Arguments } from "../../formats/imap/index.ts";
import type { ImapSession } from "./session.ts";

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

export function tableCommand<Args>(command: ImapCommand<Args>): TableCommand {
  return {
    ...command,
    prepare(args, session) {
      const parsed = command.parse(args, session);
      return (session, call) => command.run(session, parsed, call);
    },
  };
}
