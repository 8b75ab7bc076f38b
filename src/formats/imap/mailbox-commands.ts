/** Arguments of the commands that take names and little else (RFC 3501 §6.2, §6.3, §6.4). */
import type { Arguments } from "./arguments.ts";
import { type DateTime, parseDateTime } from "./date.ts";
import { appendFlags, type FlagSet, printable } from "./flags.ts";
import type { SequenceSet } from "./sequence-set.ts";

/** NOOP, CAPABILITY, LOGOUT, CHECK, CLOSE, EXPUNGE, UNSELECT, IDLE, NAMESPACE, STARTTLS: nothing. */
export function parseNothing(args: Arguments): void {
  args.end();
}

/** DELETE, SUBSCRIBE, UNSUBSCRIBE, GETACL, MYRIGHTS, GETQUOTA, GETQUOTAROOT: one name. */
export function parseOneName(args: Arguments): string {
  args.space();
  const name = args.astring();
  args.end();
  return name;
}

export interface CreateArguments {
  readonly mailbox: string;
  readonly partition: string | undefined;
  readonly server: string | undefined;
  readonly type: string | undefined;
  /** Special uses as typed, `\Drafts`; undefined without USE. */
  readonly use: readonly string[] | undefined;
}

/** create = "CREATE" SP mailbox [SP (partition / "(" create-param *(SP create-param) ")")] (RFC 4466 §2.2, RFC 6154 §3) */
export function parseCreate(args: Arguments): CreateArguments {
  args.space();
  const mailbox = args.mailbox();
  let partition: string | undefined;
  let server: string | undefined;
  let type: string | undefined;
  let use: string[] | undefined;
  if (args.optionalSpace()) {
    if (args.peek().kind === "open") {
      const bad = `Invalid parameter list in ${args.name}`;
      const one = (): void => {
        const name = args.atom(bad).toUpperCase();
        args.space();
        if (name === "PARTITION") partition = args.astring();
        else if (name === "SERVER") server = args.astring();
        else if (name === "TYPE") type = args.astring();
        else if (name === "USE") {
          const uses: string[] = [];
          args.list(() => uses.push(args.atom(bad)), 100, bad);
          use = uses;
        } else args.fail(`Invalid ${args.name} parameter ${printable(name)}`);
      };
      args.list(one, 100, bad);
    } else partition = args.astring();
  }
  args.end();
  return { mailbox, partition, server, type, use };
}

export interface RenameArguments {
  readonly source: string;
  readonly target: string;
  readonly partition: string | undefined;
}

/** rename = "RENAME" SP mailbox SP mailbox [SP partition] */
export function parseRename(args: Arguments): RenameArguments {
  args.space();
  const source = args.mailbox();
  args.space();
  const target = args.mailbox();
  const partition = args.optionalSpace() ? args.astring() : undefined;
  args.end();
  return { source, target, partition };
}

/** COPY, MOVE and their UID forms: SP sequence-set SP mailbox. */
export function parseCopy(args: Arguments): { readonly set: SequenceSet; readonly mailbox: string } {
  args.space();
  const set = args.sequenceSet();
  args.space();
  const mailbox = args.mailbox();
  args.end();
  return { set, mailbox };
}

/** UID EXPUNGE (RFC 4315 §2.1): SP sequence-set. */
export function parseUidExpunge(args: Arguments): SequenceSet {
  args.space();
  const set = args.sequenceSet();
  args.end();
  return set;
}

/** The word after UID, in upper case; `args.name` becomes its name, so that errors speak of it. */
export function parseUidVerb(args: Arguments): string {
  args.space();
  const verb = args.atom().toUpperCase();
  args.name = verb.slice(0, 1) + verb.slice(1).toLowerCase();
  return verb;
}

/** ENABLE (RFC 5161 §3.1): 1*(SP capability), in upper case; unknown ones are the caller's to ignore. */
export function parseEnable(args: Arguments): readonly string[] {
  const names: string[] = [];
  do {
    args.space();
    names.push(args.atom().toUpperCase());
  } while (!args.atEnd());
  args.end();
  return names;
}

/** login = "LOGIN" SP userid SP password */
export function parseLogin(args: Arguments): { readonly user: string; readonly password: string } {
  args.space();
  const user = args.astring();
  args.space();
  const password = args.astring();
  args.end();
  return { user, password };
}

export interface AuthenticateArguments {
  /** In upper case. */
  readonly mechanism: string;
  /** Still in base64; "=" stands for an empty one (RFC 4959 §3). Undefined: the client waits for a challenge. */
  readonly initialResponse: string | undefined;
}

/** authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] */
export function parseAuthenticate(args: Arguments): AuthenticateArguments {
  args.space();
  const mechanism = args.atom().toUpperCase();
  const initialResponse = args.optionalSpace() ? args.atom() : undefined;
  args.end();
  return { mechanism, initialResponse };
}

/** APPEND's mailbox, read first: it is checked before a message is asked for. */
export function parseAppendMailbox(args: Arguments): string {
  args.space();
  return args.mailbox();
}

/**
 * Whether a literal announced now would be APPEND's mailbox name, to be gathered, and not a message: only tag, verb and
 * spaces came before it. Does not move the cursor.
 */
export function literalIsAppendMailbox(args: Arguments): boolean {
  return args.length <= 4;
}

export interface AppendOptions {
  readonly flags: FlagSet | undefined;
  readonly internalDate: DateTime | undefined;
}

/**
 * [SP flag-list] [SP date-time] SP, up to the place of a message literal (RFC 3502: once for each message). Call it at the
 * literal's announcement; after it has been streamed `args.streamed()` steps over its place, and then either a further
 * message is announced or `args.end()` must hold. A `command` event without any message is `args.missing()`.
 */
export function parseAppendOptions(args: Arguments): AppendOptions {
  args.space();
  let flags: FlagSet | undefined;
  let internalDate: DateTime | undefined;
  if (args.peek().kind === "open") {
    flags = appendFlags(args);
    args.space();
  }
  if (args.peek().kind === "quoted") {
    const token = args.peek();
    internalDate = token.kind === "quoted" ? parseDateTime(token.text) : undefined;
    if (internalDate === undefined) args.fail(`Invalid date-time in ${args.name} command`);
    args.take();
    args.space();
  }
  // Only the announced literal may follow; a word in its place would be taken for it.
  if (!args.atEnd()) args.missing();
  return { flags, internalDate };
}
