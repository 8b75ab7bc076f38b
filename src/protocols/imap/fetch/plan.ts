/** What a FETCH asks for, worked out once for all its messages, in the order in which answers show it. */
import {
  type FetchArguments,
  type FetchSection,
  ImapSyntaxError,
  type PlainFetchItem,
} from "../../../formats/imap/index.ts";
import { FieldSet, type SectionKind } from "../../../formats/mime/index.ts";

/** Items of the rows, in order. */
const rowItems = [
  "INTERNALDATE",
  "MODSEQ",
  "RFC822.SIZE",
  "DIGEST.SHA1",
  "RFC822.FILESIZE",
  "EMAILID",
  "THREADID",
  "SAVEDATE",
  "CID",
  "CREATEDMODSEQ",
  "LASTUPDATED",
] as const;
export type RowItem = (typeof rowItems)[number];
/** Items of the cache record, in order. */
const cacheItems = ["ENVELOPE", "BODYSTRUCTURE", "BODY"] as const;

export interface CachedItem {
  readonly name: (typeof cacheItems)[number];
  /** `ENVELOPE `, with its space. */
  readonly head: Buffer;
}

/** A range of the message's octets. */
export type Octets =
  | { readonly kind: "whole" | "header" | "text" }
  | { readonly kind: "section"; readonly path: string; readonly part: SectionKind }
  /** Chosen header fields, of the message (path "") or of a part that is one. */
  | { readonly kind: "fields"; readonly path: string; readonly fields: FieldSet };

export interface BodyItem {
  /** `BODY[1.MIME]<0>`. */
  readonly label: string;
  /** The same and a space, as octets. */
  readonly head: Buffer;
  readonly octets: Octets;
  readonly partial: { readonly offset: number; readonly length: number } | undefined;
}

export interface FetchPlan {
  readonly flags: boolean;
  readonly uid: boolean;
  readonly rows: readonly RowItem[];
  readonly cache: readonly CachedItem[];
  readonly bodies: readonly BodyItem[];
  readonly needsCold: boolean;
  readonly needsRecord: boolean;
  /** Whether items need the message's octets in any case. */
  readonly readsMessage: boolean;
  /** Asks for contents without PEEK. */
  readonly setsSeen: boolean;
}

const wholeItems: readonly (readonly [PlainFetchItem, Octets, boolean])[] = [
  ["RFC822.HEADER", { kind: "header" }, false],
  ["RFC822.TEXT", { kind: "text" }, true],
  ["RFC822.TEXT.PEEK", { kind: "text" }, false],
  ["RFC822", { kind: "whole" }, true],
  ["RFC822.PEEK", { kind: "whole" }, false],
];
const supported: ReadonlySet<PlainFetchItem> = new Set<PlainFetchItem>([
  "FLAGS",
  "UID",
  ...rowItems,
  ...cacheItems,
  ...wholeItems.map(([name]) => name),
]);

/** @throws ImapSyntaxError for items and modifiers that do not exist here */
export function fetchPlan({ items, sections, modifiers }: FetchArguments, byUid: boolean): FetchPlan {
  for (const item of items) if (!supported.has(item)) throw new ImapSyntaxError(`Invalid Fetch attribute ${item}`, 0);
  for (const { kind, label } of sections)
    if (kind !== "BODY") throw new ImapSyntaxError(`Invalid Fetch attribute ${label}`, 0);
  if (modifiers.changedSince !== undefined || modifiers.vanished)
    throw new ImapSyntaxError("Invalid Fetch modifier", 0);
  const bodies: BodyItem[] = [];
  let setsSeen = false;
  for (const [name, octets, sets] of wholeItems) {
    if (!items.has(name)) continue;
    bodies.push(bodyItem(name.replace(".PEEK", ""), octets, undefined));
    setsSeen ||= sets;
  }
  // Chosen fields of the message come before other sections.
  const isFields = ({ section }: FetchSection): boolean => section.part.length === 0 && section.fields.length > 0;
  for (const section of [...sections.filter(isFields), ...sections.filter((each) => !isFields(each))]) {
    bodies.push(bodyItem(section.label, octetsOf(section), section.partial));
    setsSeen ||= !section.peek;
  }
  const rows = rowItems.filter((item) => items.has(item));
  const cache = cacheItems
    .filter((item) => items.has(item))
    .map((name) => ({ name, head: Buffer.from(`${name} `, "latin1") }));
  const needsRecord =
    cache.length > 0 || bodies.some(({ octets }) => octets.kind === "section" || octets.kind === "fields");
  const needsCold =
    needsRecord || bodies.length > 0 || rows.some((item) => item !== "MODSEQ" && item !== "LASTUPDATED");
  const readsMessage = bodies.some(({ octets }) => octets.kind !== "fields");
  return {
    readsMessage,
    flags: items.has("FLAGS"),
    uid: byUid || items.has("UID"),
    rows,
    cache,
    bodies,
    needsCold,
    needsRecord,
    setsSeen,
  };
}

function bodyItem(label: string, octets: Octets, partial: BodyItem["partial"]): BodyItem {
  // Names of fields come from the client: what could end a line does not leave.
  const safe = Array.from(label, (char) => (/^[\x20-\x7e\x80-\xff]$/.test(char) ? char : "?")).join("");
  return { label, head: Buffer.from(`${safe} `, "latin1"), octets, partial };
}

function octetsOf({ section }: FetchSection): Octets {
  const { part, text, fields } = section;
  const path = part.join(".");
  switch (text) {
    case "HEADER.FIELDS":
    case "HEADER.FIELDS.NOT":
      return { kind: "fields", path, fields: new FieldSet(fields, text === "HEADER.FIELDS.NOT") };
    case "":
      return path === "" ? { kind: "whole" } : { kind: "section", path, part: "BODY" };
    case "HEADER":
      return path === "" ? { kind: "header" } : { kind: "section", path, part: "HEADER" };
    case "TEXT":
      return path === "" ? { kind: "text" } : { kind: "section", path, part: "TEXT" };
    case "MIME":
      return { kind: "section", path, part: "MIME" };
  }
}
