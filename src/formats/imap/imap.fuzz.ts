/** Whatever octets come, in whatever pieces: events, values, or one of the two errors, and the same for any split. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import {
  type Arguments,
  CommandReader,
  ImapLimitError,
  type ImapLimits,
  ImapSyntaxError,
  ListPattern,
  literalIsAppendMailbox,
  MAX_TOKENS,
  parseAppendMailbox,
  parseAppendOptions,
  parseAuthenticate,
  parseCopy,
  parseCreate,
  parseEnable,
  parseFetch,
  parseId,
  parseList,
  parseLogin,
  parseMailboxAndIdentifier,
  parseNothing,
  parseOneName,
  parseRename,
  parseSearch,
  parseSelect,
  parseSetAcl,
  parseSetQuota,
  parseStatus,
  parseStore,
  parseUidVerb,
  SequenceSet,
} from "./index.ts";

const parsers = new Map<string, (args: Arguments) => unknown>([
  ["AUTHENTICATE", parseAuthenticate],
  ["COPY", parseCopy],
  ["CREATE", parseCreate],
  ["DELETE", parseOneName],
  ["ENABLE", parseEnable],
  ["FETCH", parseFetch],
  ["ID", parseId],
  ["LIST", parseList],
  ["LISTRIGHTS", parseMailboxAndIdentifier],
  ["LOGIN", parseLogin],
  ["NOOP", parseNothing],
  ["RENAME", parseRename],
  ["SEARCH", parseSearch],
  ["SELECT", parseSelect],
  ["SETACL", parseSetAcl],
  ["SETQUOTA", parseSetQuota],
  ["STATUS", parseStatus],
  ["STORE", parseStore],
]);

/** Small ones, so that mutated inputs reach them. */
const limits: ImapLimits = { maxWordOctets: 200, maxQuotedOctets: 100, maxLiteralOctets: 100, maxCommandOctets: 1000 };

function say(args: Arguments): string {
  try {
    const verb = args.verb === "UID" ? parseUidVerb(args) : args.verb;
    const value = parsers.get(verb)?.(args);
    return `${args.tag} ${verb} ${typeof value}`;
  } catch (error) {
    if (!(error instanceof ImapSyntaxError)) throw error;
    assert.match(error.message, /^[\x20-\x7e]+$/);
    return `${args.tag} BAD ${error.message} at ${error.offset}`;
  }
}

function literal(reader: CommandReader, args: Arguments): string {
  try {
    if (args.verb === "APPEND" && !literalIsAppendMailbox(args)) {
      if (args.mark <= 3) parseAppendMailbox(args);
      parseAppendOptions(args);
      reader.stream();
      args.streamed();
      return "stream";
    }
    reader.gather();
    return "gather";
  } catch (error) {
    if (error instanceof ImapSyntaxError) {
      reader.refuse();
      return `refuse: ${error.message}`;
    }
    if (error instanceof ImapLimitError && error.answer === "NO") return `NO ${error.message}`;
    throw error;
  }
}

function session(octets: Uint8Array, step: number): string[] {
  const reader = new CommandReader(limits);
  const log: string[] = [];
  let streamed = 0;
  try {
    for (let from = 0; from < octets.length; from += step) {
      reader.push(octets.subarray(from, from + step));
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        if (event.kind === "octets") streamed += event.octets.length;
        else if (event.kind === "literalEnd") log.push(`streamed ${streamed}`);
        else if (event.kind === "literal") log.push(literal(reader, event.args));
        else {
          assert.ok(event.args.length <= MAX_TOKENS);
          log.push(say(event.args));
        }
      }
    }
  } catch (error) {
    if (!(error instanceof ImapLimitError)) throw error;
    // Which of two limits was seen first may depend on the split; that the connection ends may not.
    log.push(error.answer);
  }
  return log;
}

function seeds(...texts: string[]): Uint8Array[] {
  return texts.map((text) => Buffer.from(text, "latin1"));
}

export const commands: FuzzTarget = {
  name: "imap commands",
  run(octets) {
    const whole = session(octets, octets.length);
    assert.deepEqual(session(octets, 1), whole);
    assert.deepEqual(session(octets, 7), whole);
  },
  seeds: seeds(
    'a LOGIN {3+}\r\njoe "a\\"b"\r\n',
    "a FETCH 1:*,3 (FLAGS UID BODY.PEEK[1.2.HEADER.FIELDS (A B)]<0.9>) (CHANGEDSINCE 3)\r\n",
    "a UID STORE 1,*:4 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Seen $A)\r\n",
    "a SEARCH RETURN (MIN) CHARSET UTF-8 OR (NOT SEEN 1:*) (FROM x LARGER 3) SENTON 1-Jan-2020\r\n",
    'a LIST (SUBSCRIBED) "" (% *) RETURN (STATUS (MESSAGES) METADATA (/a))\r\n',
    'a APPEND x (\\Seen) " 1-Jan-2020 00:00:00 +0000" {3+}\r\nabc ~{2+}\r\n\0\0\r\nb NOOP\r\n',
    'a SETACL x y +lrs\r\nb SETQUOTA x (STORAGE 3)\r\nc ID ("a" NIL)\r\n',
    "a SELECT x (QRESYNC (1 2 3:4 (1 2)))\r\nb STATUS {200}\r\nc CREATE x (USE (\\Sent))\r\n",
  ),
};

export const sequenceSets: FuzzTarget = {
  name: "imap sequence sets",
  run(octets) {
    const set = SequenceSet.parse(Buffer.from(octets).toString("latin1"));
    if (set !== undefined) assert.deepEqual(SequenceSet.parse(set.toString()), set);
  },
  seeds: seeds("1", "1:*", "3:2,7,4294967295", "*:5,9"),
};

export const listPatterns: FuzzTarget = {
  name: "imap list patterns",
  run(octets) {
    const [pattern = "", name = ""] = Buffer.from(octets).toString("latin1").split("\0");
    const subject = new ListPattern(pattern, "/");
    if (subject.matches(name)) assert.ok(name.startsWith(subject.prefix));
    subject.matchingParents(name, true);
  },
  seeds: seeds("a/%\0a/b", "*%*\0abc", "INBOX/%x*\0INBOX/yx/z"),
};

export const target: FuzzTarget = commands;
