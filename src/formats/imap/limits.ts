/** Every limit of the IMAP syntax, with its reason. Options of imapd.conf override those that have one. */

/** What one connection may send; the protocol swaps the whole object at login and logout. */
export interface ImapLimits {
  /** Octets of one atom, sequence set or other unquoted word (`maxword`). */
  readonly maxWordOctets: number;
  /** Octets of one quoted string, before unescaping (`maxquoted`). */
  readonly maxQuotedOctets: number;
  /** Octets of one literal that is an argument, not a message (`maxliteral`). */
  readonly maxLiteralOctets: number;
  /** Octets of one command, gathered literals included, streamed ones not (`maxargssize`). */
  readonly maxCommandOctets: number;
  /** Largest `{n+}` literal when `literalminus` is on (RFC 7888 §5), else undefined. */
  readonly maxNonSyncOctets?: number | undefined;
}

/** Default of `maxword`. 128 KiB holds a sequence set of some 20,000 numbers, more than clients send. */
export const MAX_WORD_OCTETS = 131_072;
/** Default of `maxquoted`. */
export const MAX_QUOTED_OCTETS = 131_072;
/** Default of `maxliteral`. */
export const MAX_LITERAL_OCTETS = 131_072;
/** A command's total although `maxargssize` is 0: nobody sends more, and a session must not hold more. */
export const MAX_COMMAND_OCTETS = 4 * 1_048_576;
/** Tokens of one command: an object each, so 4 MiB of "((((" must not become 4 million objects. */
export const MAX_TOKENS = 100_000;
/** RFC 7888 §5: the size up to which LITERAL- allows a literal without asking. */
export const LITERAL_MINUS_OCTETS = 4096;

/** Before login: one line or command of an unknown peer. Enough for an AUTHENTICATE with an initial response. */
export const PRE_LOGIN_COMMAND_OCTETS = 8192;
/** Before login: a user name or password as literal. */
export const PRE_LOGIN_LITERAL_OCTETS = 4096;

/** RFC 3501 §9: nz-number is 32 bits. */
export const MAX_NUMBER = 4_294_967_295;
/** number64 (RFC 9051 §9) as far as a JavaScript number is exact. */
export const MAX_NUMBER64 = Number.MAX_SAFE_INTEGER;

/** Nesting of SEARCH keys (parentheses, NOT, OR, FUZZY). Clients do chain hundreds of ORs; those come out as one flat key. */
export const MAX_SEARCH_DEPTH = 1000;
/** Parts of a section number such as BODY[1.2.3]; MIME is not parsed deeper either. */
export const MAX_SECTION_DEPTH = 100;
/** Sections asked for in one FETCH: each costs a read of the message. */
export const MAX_FETCH_SECTIONS = 1000;
/** Header field names in one BODY[HEADER.FIELDS (...)]. */
export const MAX_HEADER_FIELDS = 1000;
/** Flags in one list: 5 system flags and 128 user flags exist in a mailbox; some room to be told so by name. */
export const MAX_FLAGS = 1000;
/** Patterns in one extended LIST: each is matched against every mailbox. */
export const MAX_LIST_PATTERNS = 100;

/** ID (RFC 2971 §3.3): pairs, octets of a field name, octets of a value. */
export const MAX_ID_PAIRS = 30;
export const MAX_ID_FIELD_OCTETS = 30;
export const MAX_ID_VALUE_OCTETS = 1024;

/** No mailbox name seen by a client is longer: 490 octets of name with room for a namespace prefix and a domain. */
export const MAX_LISTED_NAME_OCTETS = 1024;
/** A chunk holds any single piece that a writer puts down at once, such as a quoted string. */
export const MIN_CHUNK_OCTETS = 2048;
/** Above this a string goes out as a literal, as Cyrus sends it; some clients have fixed buffers for quoted ones. */
export const MAX_QUOTED_OUTPUT_OCTETS = 1024;

/** Bulk output leaves in chunks of this size; smaller ones cost more calls, larger ones gain nothing. */
export const CHUNK_OCTETS = 262_144;
/** Up to here a finished reply is copied out of the shared chunk into a buffer of its own size. */
export const SMALL_REPLY_OCTETS = 16_384;
/** Chunks a process keeps for reuse; more than this are left to the garbage collector. */
export const POOLED_CHUNKS = 32;

/** Limits of a session that has logged in, with the options' defaults. */
export const defaultLimits: ImapLimits = {
  maxWordOctets: MAX_WORD_OCTETS,
  maxQuotedOctets: MAX_QUOTED_OCTETS,
  maxLiteralOctets: MAX_LITERAL_OCTETS,
  maxCommandOctets: MAX_COMMAND_OCTETS,
};

/** Limits of a connection that has not logged in. */
export const preLoginLimits: ImapLimits = {
  maxWordOctets: PRE_LOGIN_COMMAND_OCTETS,
  maxQuotedOctets: PRE_LOGIN_COMMAND_OCTETS,
  maxLiteralOctets: PRE_LOGIN_LITERAL_OCTETS,
  maxCommandOctets: PRE_LOGIN_COMMAND_OCTETS,
};

/** The options of imapd.conf that set limits here, by their names. */
export interface LimitOptions {
  readonly maxword: number;
  readonly maxquoted: number;
  readonly maxliteral: number;
  readonly maxargssize: number;
  readonly literalminus: boolean;
}

function orWhole(value: number): number {
  return value > 0 ? Math.min(value, MAX_COMMAND_OCTETS) : MAX_COMMAND_OCTETS;
}

/** Limits by the options, for before and after login; an option at 0 leaves MAX_COMMAND_OCTETS as the limit. */
export function limitsOf(options: LimitOptions): { readonly preLogin: ImapLimits; readonly session: ImapLimits } {
  const session: ImapLimits = {
    maxWordOctets: orWhole(options.maxword),
    maxQuotedOctets: orWhole(options.maxquoted),
    maxLiteralOctets: orWhole(options.maxliteral),
    maxCommandOctets: orWhole(options.maxargssize),
    maxNonSyncOctets: options.literalminus ? LITERAL_MINUS_OCTETS : undefined,
  };
  const preLogin: ImapLimits = {
    maxWordOctets: Math.min(session.maxWordOctets, preLoginLimits.maxWordOctets),
    maxQuotedOctets: Math.min(session.maxQuotedOctets, preLoginLimits.maxQuotedOctets),
    maxLiteralOctets: Math.min(session.maxLiteralOctets, preLoginLimits.maxLiteralOctets),
    maxCommandOctets: Math.min(session.maxCommandOctets, preLoginLimits.maxCommandOctets),
    maxNonSyncOctets: session.maxNonSyncOctets,
  };
  return { preLogin, session };
}
