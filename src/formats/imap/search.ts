/** SEARCH and UID SEARCH arguments (RFC 3501 §6.4.4) to a tree, read with a stack of its own: input cannot exhaust ours. */
import type { Arguments } from "./arguments.ts";
import { type CalendarDay, parseDate } from "./date.ts";
import { printable, type SystemFlag } from "./flags.ts";
import { MAX_SEARCH_DEPTH } from "./limits.ts";
import type { SequenceSet } from "./sequence-set.ts";

/** Strings are the octets the client sent, in the charset of the search, one character each (latin1). */
export type SearchKey =
  | { readonly kind: "all" }
  | { readonly kind: "and"; readonly keys: readonly SearchKey[] }
  /** Two or more; `OR a OR b c` is one key of three. */
  | { readonly kind: "or"; readonly keys: readonly SearchKey[] }
  | { readonly kind: "not"; readonly key: SearchKey }
  | { readonly kind: "fuzzy"; readonly key: SearchKey }
  | { readonly kind: "seqnos" | "uids"; readonly set: SequenceSet }
  | { readonly kind: "flag"; readonly flag: SystemFlag; readonly set: boolean }
  | { readonly kind: "recent"; readonly set: boolean }
  | { readonly kind: "keyword"; readonly keyword: string; readonly set: boolean }
  /** Days are in the server's zone for `internal` and `saved`, in the Date field's own for `sent`. */
  | {
      readonly kind: "date";
      readonly field: "internal" | "sent" | "saved";
      readonly when: "before" | "on" | "since";
      readonly day: CalendarDay;
    }
  | { readonly kind: "size"; readonly than: "larger" | "smaller"; readonly octets: number }
  | { readonly kind: "age"; readonly than: "older" | "younger"; readonly seconds: number }
  | { readonly kind: "text"; readonly field: TextField; readonly value: string }
  | { readonly kind: "header"; readonly name: string; readonly value: string }
  | { readonly kind: "modseq"; readonly modseq: number }
  | { readonly kind: "id"; readonly field: "emailid" | "threadid" | "cid"; readonly value: string }
  | { readonly kind: "folder"; readonly mailbox: string }
  | { readonly kind: "savedatesupported" }
  /** A key of an extension; only the extension's own file looks inside `value`. */
  | { readonly kind: "other"; readonly name: string; readonly value: unknown };

export type TextField = "bcc" | "body" | "cc" | "from" | "subject" | "text" | "to";

export type SearchReturn = "MIN" | "MAX" | "ALL" | "COUNT";

export interface SearchArguments {
  /** RETURN options (RFC 4731); undefined without RETURN, and `RETURN ()` means ALL. */
  readonly returns: ReadonlySet<SearchReturn> | undefined;
  /** As typed; undefined means US-ASCII. */
  readonly charset: string | undefined;
  readonly key: SearchKey;
}

/** Reads what follows a key's word. Extensions add to the table, one file each. */
export type SearchKeyReader = (args: Arguments) => SearchKey;

const bad = "Invalid Search criteria";

function flag(name: SystemFlag, set: boolean): SearchKeyReader {
  return () => ({ kind: "flag", flag: name, set });
}

function text(field: TextField): SearchKeyReader {
  return (args) => ({ kind: "text", field, value: argument(args, field) });
}

function date(field: "internal" | "sent" | "saved", when: "before" | "on" | "since", name: string): SearchKeyReader {
  return (args: Arguments) => {
    const day = parseDate(argument(args, name));
    if (day === undefined) args.fail("Invalid date in Search command");
    return { kind: "date", field, when, day };
  };
}

function number(args: Arguments): number {
  if (!args.optionalSpace()) args.fail("Invalid number in Search command");
  return args.number64("Invalid number in Search command");
}

function argument(args: Arguments, name: string): string {
  const message = `Missing required argument to Search ${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
  if (!args.optionalSpace()) args.fail(message);
  return args.astring(message);
}

const unseen: SearchKey = { kind: "flag", flag: "\\Seen", set: false };

/** search-key of RFC 3501 §9 without its nesting forms, and what costs nothing from extensions. */
export const searchKeys: ReadonlyMap<string, SearchKeyReader> = new Map<string, SearchKeyReader>([
  ["ALL", () => ({ kind: "all" })],
  ["ANSWERED", flag("\\Answered", true)],
  ["BCC", text("bcc")],
  ["BEFORE", date("internal", "before", "before")],
  ["BODY", text("body")],
  ["CC", text("cc")],
  ["CID", (args) => ({ kind: "id", field: "cid", value: argument(args, "cid") })],
  ["DELETED", flag("\\Deleted", true)],
  ["DRAFT", flag("\\Draft", true)],
  ["EMAILID", (args) => ({ kind: "id", field: "emailid", value: argument(args, "emailid") })],
  ["FLAGGED", flag("\\Flagged", true)],
  ["FOLDER", (args) => ({ kind: "folder", mailbox: argument(args, "folder") })],
  ["FROM", text("from")],
  ["HEADER", (args) => ({ kind: "header", name: argument(args, "header"), value: argument(args, "header") })],
  ["KEYWORD", (args) => ({ kind: "keyword", keyword: argument(args, "keyword"), set: true })],
  ["LARGER", (args) => ({ kind: "size", than: "larger", octets: number(args) })],
  ["MODSEQ", readModseq],
  ["NEW", () => ({ kind: "and", keys: [{ kind: "recent", set: true }, unseen] })],
  ["OLD", () => ({ kind: "recent", set: false })],
  ["OLDER", (args) => ({ kind: "age", than: "older", seconds: number(args) })],
  ["ON", date("internal", "on", "on")],
  ["RECENT", () => ({ kind: "recent", set: true })],
  ["SAVEDATESUPPORTED", () => ({ kind: "savedatesupported" })],
  ["SAVEDBEFORE", date("saved", "before", "savedbefore")],
  ["SAVEDON", date("saved", "on", "savedon")],
  ["SAVEDSINCE", date("saved", "since", "savedsince")],
  ["SEEN", flag("\\Seen", true)],
  ["SENTBEFORE", date("sent", "before", "sentbefore")],
  ["SENTON", date("sent", "on", "senton")],
  ["SENTSINCE", date("sent", "since", "sentsince")],
  ["SINCE", date("internal", "since", "since")],
  ["SMALLER", (args) => ({ kind: "size", than: "smaller", octets: number(args) })],
  ["SUBJECT", text("subject")],
  ["TEXT", text("text")],
  ["THREADID", (args) => ({ kind: "id", field: "threadid", value: argument(args, "threadid") })],
  ["TO", text("to")],
  ["UID", readUids],
  ["UNANSWERED", flag("\\Answered", false)],
  ["UNDELETED", flag("\\Deleted", false)],
  ["UNDRAFT", flag("\\Draft", false)],
  ["UNFLAGGED", flag("\\Flagged", false)],
  ["UNKEYWORD", (args) => ({ kind: "keyword", keyword: argument(args, "unkeyword"), set: false })],
  ["UNSEEN", () => unseen],
  ["YOUNGER", (args) => ({ kind: "age", than: "younger", seconds: number(args) })],
]);

function readUids(args: Arguments): SearchKey {
  if (!args.optionalSpace()) args.fail(bad);
  return { kind: "uids", set: args.sequenceSet("Invalid sequence in Search command") };
}

/** search-modsequence = "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-value; the entry makes no difference. */
function readModseq(args: Arguments): SearchKey {
  const next = args.peekNext();
  if (next.kind === "quoted") {
    args.space();
    args.string(bad);
    if (!args.optionalSpace()) args.fail(bad);
    const type = args.atom(bad).toLowerCase();
    if (type !== "priv" && type !== "shared" && type !== "all") args.fail(bad);
  }
  return { kind: "modseq", modseq: number(args) };
}

/** search = "SEARCH" [SP "RETURN" SP "(" ... ")"] [SP "CHARSET" SP astring] 1*(SP search-key) */
export function parseSearch(args: Arguments, extensions?: ReadonlyMap<string, SearchKeyReader>): SearchArguments {
  args.space();
  let returns: ReadonlySet<SearchReturn> | undefined;
  if (isWord(args, "RETURN")) {
    args.take();
    args.space();
    returns = parseSearchReturn(args);
    args.space();
  }
  let charset: string | undefined;
  if (isWord(args, "CHARSET")) {
    args.take();
    args.space();
    charset = args.astring();
    args.space();
  }
  const key = parseSearchProgram(args, extensions);
  args.end();
  return { returns, charset, key };
}

function isWord(args: Arguments, word: string): boolean {
  const token = args.peek();
  return token.kind === "atom" && token.text.toUpperCase() === word;
}

/** "(" [search-return-opt *(SP search-return-opt)] ")" (RFC 4731 §3.1). Nothing in it means ALL. */
export function parseSearchReturn(args: Arguments): ReadonlySet<SearchReturn> {
  const returns = new Set<SearchReturn>();
  const message = `Missing close parenthesis in ${args.name}`;
  const one = (): void => {
    const word = args.atom(message);
    const name = word.toUpperCase();
    if (name !== "MIN" && name !== "MAX" && name !== "ALL" && name !== "COUNT") {
      args.fail(`Invalid Search return option ${printable(word.toLowerCase())}`);
    }
    returns.add(name);
  };
  args.list(one, 100, message);
  if (returns.size === 0) returns.add("ALL");
  return returns;
}

interface Frame {
  /** "list" is a parenthesised and; "top" is the command's own. */
  readonly kind: "top" | "list" | "not" | "fuzzy" | "or";
  readonly keys: SearchKey[];
}

/**
 * search-key *(SP search-key); SORT and THREAD use it too. Ends before whatever is not SP.
 * @throws ImapSyntaxError also when nested deeper than MAX_SEARCH_DEPTH
 */
export function parseSearchProgram(args: Arguments, extensions?: ReadonlyMap<string, SearchKeyReader>): SearchKey {
  const stack: Frame[] = [{ kind: "top", keys: [] }];
  const push = (kind: Frame["kind"]): void => {
    if (stack.length > MAX_SEARCH_DEPTH) args.fail(bad);
    stack.push({ kind, keys: [] });
  };
  for (;;) {
    // A key begins here.
    if (args.open()) {
      push("list");
      continue;
    }
    const token = args.peek();
    if (token.kind !== "atom") args.fail(bad);
    const word = token.text.toUpperCase();
    if (word === "NOT" || word === "OR" || word === "FUZZY") {
      args.take();
      if (!args.optionalSpace()) args.fail(bad);
      push(word === "NOT" ? "not" : word === "OR" ? "or" : "fuzzy");
      continue;
    }
    stack.at(-1)!.keys.push(readLeaf(args, token.text, word, extensions));
    if (unwind(args, stack)) return joined(stack[0]!.keys);
    if (!args.optionalSpace()) args.fail(bad);
  }
}

/** A key has been read: closes every frame that is complete now. True when the program is. */
function unwind(args: Arguments, stack: Frame[]): boolean {
  for (;;) {
    const frame = stack.at(-1)!;
    // Whatever else follows a complete program is the command's to refuse, as "Unexpected extra arguments".
    if (frame.kind === "top") return args.peek().kind !== "space";
    if (frame.kind === "list" && !args.close()) return false;
    if (frame.kind === "or" && frame.keys.length < 2) return false;
    stack.pop();
    const [first] = frame.keys;
    const parent = stack.at(-1)!.keys;
    if (frame.kind === "list") parent.push(joined(frame.keys));
    else if (frame.kind === "or")
      parent.push({ kind: "or", keys: frame.keys.flatMap((key) => (key.kind === "or" ? key.keys : [key])) });
    else parent.push({ kind: frame.kind, key: first! });
  }
}

function joined(keys: readonly SearchKey[]): SearchKey {
  return keys.length === 1 ? keys[0]! : { kind: "and", keys };
}

function readLeaf(
  args: Arguments,
  word: string,
  name: string,
  extensions: ReadonlyMap<string, SearchKeyReader> | undefined,
): SearchKey {
  const first = word.charCodeAt(0);
  if ((first >= 48 && first <= 57) || first === 42) {
    return { kind: "seqnos", set: args.sequenceSet("Invalid sequence in Search command") };
  }
  const reader = searchKeys.get(name) ?? extensions?.get(name);
  if (reader === undefined) args.fail(bad);
  args.take();
  return reader(args);
}
