/** FETCH and UID FETCH arguments (RFC 3501 §6.4.5), to a typed tree. */
import type { Arguments } from "./arguments.ts";
import { printable } from "./flags.ts";
import { MAX_FETCH_SECTIONS, MAX_HEADER_FIELDS, MAX_NUMBER, MAX_SECTION_DEPTH } from "./limits.ts";
import { parseNumber } from "./arguments.ts";
import { needsNoQuotes } from "./strings.ts";
import type { SequenceSet } from "./sequence-set.ts";

/** Items without arguments. The server's order of output is its own (Cyrus's is fixed), so a request is a set of them. */
export const plainFetchItems = [
  "FLAGS",
  "UID",
  "INTERNALDATE",
  "MODSEQ",
  "RFC822.SIZE",
  "ENVELOPE",
  "BODY",
  "BODYSTRUCTURE",
  "RFC822",
  "RFC822.HEADER",
  "RFC822.TEXT",
  "RFC822.PEEK",
  "RFC822.TEXT.PEEK",
  "RFC822.SHA1",
  "RFC822.FILESIZE",
  "DIGEST.SHA1",
  "EMAILID",
  "THREADID",
  "SAVEDATE",
  "CID",
  "BASECID",
  "FOLDER",
  "UIDVALIDITY",
  "LASTUPDATED",
  "CREATEDMODSEQ",
  "MAILBOXES",
  "MAILBOXIDS",
] as const;
export type PlainFetchItem = (typeof plainFetchItems)[number];

/** What part of a message BODY[...] names. */
export interface Section {
  /** Part numbers, outermost first; empty for the message itself. */
  readonly part: readonly number[];
  readonly text: "" | "HEADER" | "HEADER.FIELDS" | "HEADER.FIELDS.NOT" | "TEXT" | "MIME";
  /** Field names as typed, for HEADER.FIELDS and HEADER.FIELDS.NOT. */
  readonly fields: readonly string[];
}

export interface FetchSection {
  readonly kind: "BODY" | "BINARY" | "BINARY.SIZE";
  readonly section: Section;
  /** Leaves \Seen alone. */
  readonly peek: boolean;
  /** `<offset.length>`: octets of the section. */
  readonly partial: { readonly offset: number; readonly length: number } | undefined;
  /** Name in the answer: `BODY[HEADER.FIELDS (SUBJECT FROM)]<0>`. */
  readonly label: string;
}

export interface FetchArguments {
  readonly set: SequenceSet;
  readonly items: ReadonlySet<PlainFetchItem>;
  /** In the order asked for. */
  readonly sections: readonly FetchSection[];
  /** What extensions' readers made, by item name; only the extension's own file looks inside. */
  readonly others: ReadonlyMap<string, unknown>;
  readonly modifiers: FetchModifiers;
}

/** fetch-modifiers of RFC 7162 §7. */
export interface FetchModifiers {
  readonly changedSince?: number;
  readonly vanished?: boolean;
}

/** What an item reader adds to. */
export interface FetchItems {
  readonly plain: Set<PlainFetchItem>;
  readonly sections: FetchSection[];
  readonly others: Map<string, unknown>;
}

const plainItems: ReadonlySet<string> = new Set(plainFetchItems);
/** Macros are only macros outside of a list (RFC 3501 §6.4.5). */
const macros: ReadonlyMap<string, readonly PlainFetchItem[]> = new Map([
  ["ALL", ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"]],
  ["FAST", ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]],
  ["FULL", ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"]],
]);

function isPlain(name: string): name is PlainFetchItem {
  return plainItems.has(name);
}

/**
 * Reads an item of an extension that has arguments (ANNOTATION, PREVIEW): a Map of these, by upper-case name up to "[",
 * is what an extension's file adds.
 */
export type FetchItemReader = (args: Arguments, items: FetchItems, name: string) => void;

/** fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")") */
export function parseFetch(args: Arguments, extensions?: ReadonlyMap<string, FetchItemReader>): FetchArguments {
  args.space();
  const set = args.sequenceSet();
  args.space();
  const items: FetchItems = { plain: new Set(), sections: [], others: new Map() };
  if (args.peek().kind === "open") {
    if (args.peekNext().kind === "close") args.missing();
    const message = `Missing close parenthesis in ${args.name}`;
    args.list(() => readItem(args, items, extensions), MAX_NUMBER, message);
  } else {
    const token = args.peek();
    const macro = token.kind === "atom" ? macros.get(token.text.toUpperCase()) : undefined;
    if (macro === undefined) readItem(args, items, extensions);
    else {
      args.take();
      for (const item of macro) items.plain.add(item);
    }
  }
  const modifiers = args.peek().kind === "space" && args.peekNext().kind === "open" ? readModifiers(args) : {};
  args.end();
  return { set, items: items.plain, sections: items.sections, others: items.others, modifiers };
}

function readItem(
  args: Arguments,
  items: FetchItems,
  extensions: ReadonlyMap<string, FetchItemReader> | undefined,
): void {
  const token = args.peek();
  if (token.kind === "eol") args.missing();
  const word = args.atom(`Invalid ${args.name} attribute`);
  const name = word.toUpperCase();
  if (isPlain(name)) {
    items.plain.add(name);
    return;
  }
  const bracket = name.indexOf("[");
  const head = bracket < 0 ? name : name.slice(0, bracket);
  if (
    bracket > 0 &&
    (head === "BODY" || head === "BODY.PEEK" || head === "BINARY" || head === "BINARY.PEEK" || head === "BINARY.SIZE")
  ) {
    if (items.sections.length >= MAX_FETCH_SECTIONS) args.fail("Invalid body section");
    const peek = head !== "BODY" && head !== "BINARY";
    const kind = head.startsWith("BODY") ? "BODY" : head === "BINARY.SIZE" ? head : "BINARY";
    items.sections.push(readSection(args, kind, peek, name.slice(bracket + 1)));
    return;
  }
  const extension = extensions?.get(head);
  if (extension === undefined) args.fail(`Invalid ${args.name} attribute ${printable(name)}`);
  extension(args, items, name);
}

/**
 * section = "[" [section-spec] "]", then ["<" number "." nz-number ">"]. `rest` is what follows "[" in the same word;
 * with a header list the word ends at "HEADER.FIELDS", and "]" begins the word after the list.
 */
function readSection(args: Arguments, kind: FetchSection["kind"], peek: boolean, rest: string): FetchSection {
  const bad = "Invalid body section";
  let spec = rest;
  let tail = "";
  const fields: string[] = [];
  if (spec.endsWith("HEADER.FIELDS") || spec.endsWith("HEADER.FIELDS.NOT")) {
    if (!args.optionalSpace()) args.fail(bad);
    args.list(() => fields.push(readField(args, bad)), MAX_HEADER_FIELDS, bad);
    if (fields.length === 0) args.fail(bad);
    tail = args.atom(bad);
  } else {
    const end = spec.indexOf("]");
    if (end < 0) args.fail(bad);
    tail = spec.slice(end);
    spec = spec.slice(0, end);
    if (spec.endsWith("HEADER.FIELDS") || spec.endsWith("HEADER.FIELDS.NOT")) args.fail(bad);
  }
  const section = parseSectionSpec(spec, fields);
  if (section === undefined || !tail.startsWith("]")) args.fail(bad);
  if (kind !== "BODY" && section.text !== "") args.fail(bad);
  const partial = tail === "]" ? undefined : parsePartial(tail.slice(1));
  if (tail !== "]" && (partial === undefined || kind === "BINARY.SIZE")) args.fail("Invalid body partial");
  const list = fields.length === 0 ? "" : ` (${fields.join(" ")})`;
  const origin = partial === undefined ? "" : `<${partial.offset}>`;
  return { kind, section, peek, partial, label: `${kind}[${spec}${list}]${origin}` };
}

/** header-fld-name = astring; kept so that it can be echoed, so nothing that a field name cannot have (RFC 5322 §3.6.8). */
function readField(args: Arguments, message: string): string {
  const name = args.astring(message);
  if (!needsNoQuotes(name) || name.includes(":")) args.fail(message);
  return name;
}

/** section-spec = section-msgtext / (section-part ["." section-text]), in upper case. */
function parseSectionSpec(spec: string, fields: readonly string[]): Section | undefined {
  const part: number[] = [];
  let at = 0;
  while (at < spec.length) {
    const dot = spec.indexOf(".", at);
    const word = dot < 0 ? spec.slice(at) : spec.slice(at, dot);
    const number = parseNumber(word, MAX_NUMBER);
    if (number === undefined) break;
    if (number === 0 || part.length === MAX_SECTION_DEPTH || dot === spec.length - 1) return undefined;
    part.push(number);
    at = dot < 0 ? spec.length : dot + 1;
  }
  const text = spec.slice(at);
  switch (text) {
    case "":
    case "HEADER":
    case "HEADER.FIELDS":
    case "HEADER.FIELDS.NOT":
    case "TEXT":
      return { part, text, fields };
    case "MIME":
      return part.length > 0 ? { part, text, fields } : undefined;
    default:
      return undefined;
  }
}

/** "<" number "." nz-number ">" */
function parsePartial(text: string): { offset: number; length: number } | undefined {
  const dot = text.indexOf(".");
  if (!text.startsWith("<") || !text.endsWith(">") || dot < 0) return undefined;
  const offset = parseNumber(text.slice(1, dot), MAX_NUMBER);
  const length = parseNumber(text.slice(dot + 1, -1), MAX_NUMBER);
  return offset === undefined || length === undefined || length === 0 ? undefined : { offset, length };
}

/** SP "(" "CHANGEDSINCE" SP mod-sequence-value [SP "VANISHED"] ")" */
function readModifiers(args: Arguments): FetchModifiers {
  let modifiers: FetchModifiers = {};
  args.space();
  const message = `Missing close parenthesis in ${args.name}`;
  const one = (): void => {
    const word = args.atom(`Invalid ${args.name} modifier`).toUpperCase();
    if (word === "CHANGEDSINCE") {
      args.space();
      modifiers = { ...modifiers, changedSince: args.number64(`Invalid argument to CHANGEDSINCE in ${args.name}`) };
    } else if (word === "VANISHED") modifiers = { ...modifiers, vanished: true };
    else args.fail(`Invalid ${args.name} modifier ${printable(word)}`);
  };
  args.list(one, MAX_NUMBER, message);
  return modifiers;
}
