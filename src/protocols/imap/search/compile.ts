/** A SEARCH program made ready: names looked up, days turned into seconds, strings into canonical form, cheap keys before dear ones. */
import {
  type CalendarDay,
  epochDay,
  ImapSyntaxError,
  type NumberRange,
  type SearchKey,
  type TextField,
} from "../../../formats/imap/index.ts";
import { decodeText, charsetDecoder, FieldSet } from "../../../formats/mime/index.ts";
import type { UidRange } from "../../../formats/ids.ts";
import { refuse, systemFlagBit } from "../../../ops/index.ts";
import { localZoneMinutes } from "../zone.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import type { Canonical } from "./canonical.ts";
import { type Needle, needle } from "./needle.ts";

/** What a key must have at hand: a later one includes the earlier ones. */
export const Needs = { hot: 0, cold: 1, record: 2, message: 3 } as const;
export type Needs = (typeof Needs)[keyof typeof Needs];

export type Test =
  | { readonly kind: "constant"; readonly value: boolean; readonly needs: Needs }
  | { readonly kind: "and" | "or"; readonly tests: readonly Test[]; readonly needs: Needs }
  | { readonly kind: "not"; readonly test: Test; readonly needs: Needs }
  | { readonly kind: "uids"; readonly ranges: readonly UidRange[]; readonly needs: Needs }
  | { readonly kind: "flag"; readonly bit: number; readonly set: boolean; readonly needs: Needs }
  /** A user flag by its place in the table. */
  | {
      readonly kind: "keyword";
      readonly word: number;
      readonly mask: number;
      readonly set: boolean;
      readonly needs: Needs;
    }
  | { readonly kind: "modseq"; readonly atLeast: number; readonly needs: Needs }
  /** Epoch seconds, first included, end not. */
  | {
      readonly kind: "time";
      readonly field: "internalDate" | "sentDate";
      readonly from: number;
      readonly to: number;
      readonly needs: Needs;
    }
  | { readonly kind: "size"; readonly from: number; readonly to: number; readonly needs: Needs }
  /** Any of these fields; `needle` "" asks whether there is one. */
  | { readonly kind: "header"; readonly fields: FieldSet; readonly needle: Needle; readonly needs: Needs }
  | { readonly kind: "contents"; readonly headers: boolean; readonly needle: Needle; readonly needs: Needs };

export interface CompileOptions {
  readonly selected: SelectedMailbox;
  readonly charset: string | undefined;
  readonly canonical: Canonical;
  readonly nowSeconds: number;
}

const RECENT_BIT = 32;
const FOREVER = Number.MAX_SAFE_INTEGER;

/** @throws MailError badCharset, for a charset that cannot be decoded */
export function compileSearch(key: SearchKey, options: CompileOptions): Test {
  if (options.charset !== undefined && !isCharset(options.charset)) refuse("badCharset");
  return compile(key, options);
}

function isCharset(name: string): boolean {
  return /^us-ascii$/i.test(name) || /^utf-7$/i.test(name) || charsetDecoder(name) !== undefined;
}

/** The depth of the tree is limited by its parser (MAX_SEARCH_DEPTH). */
function compile(key: SearchKey, options: CompileOptions): Test {
  const { selected } = options;
  const { hot, cold } = Needs;
  switch (key.kind) {
    case "all":
      return { kind: "constant", value: true, needs: hot };
    case "and":
    case "or":
      return combined(
        key.kind,
        key.keys.map((each) => compile(each, options)),
      );
    case "not": {
      const test = compile(key.key, options);
      return { kind: "not", test, needs: test.needs };
    }
    case "seqnos":
      return { kind: "uids", ranges: uidsOf(selected, selected.seqnoRanges(key.set, false)), needs: hot };
    case "uids":
      return { kind: "uids", ranges: key.set.ranges(selected.map.lastUid), needs: hot };
    case "flag":
      return { kind: "flag", bit: systemFlagBit(key.flag) ?? 0, set: key.set, needs: hot };
    case "recent":
      return { kind: "flag", bit: RECENT_BIT, set: key.set, needs: hot };
    case "keyword": {
      const wanted = key.keyword.toLowerCase();
      const place = selected.flagText.names.findIndex((name) => name?.toLowerCase() === wanted);
      if (place < 0) return { kind: "constant", value: !key.set, needs: hot };
      return { kind: "keyword", word: place >> 5, mask: (1 << (place & 31)) >>> 0, set: key.set, needs: hot };
    }
    case "modseq":
      return { kind: "modseq", atLeast: key.modseq, needs: hot };
    case "date": {
      if (key.field === "saved") throw new ImapSyntaxError("Invalid Search criteria", 0);
      // Days of the Date field are days of its own zone, kept as midnight UTC of that day.
      const [from, to] = days(key.when, key.day, key.field === "internal");
      return { kind: "time", field: key.field === "internal" ? "internalDate" : "sentDate", from, to, needs: cold };
    }
    case "size":
      return key.than === "larger"
        ? { kind: "size", from: key.octets + 1, to: FOREVER, needs: cold }
        : { kind: "size", from: 0, to: key.octets, needs: cold };
    case "age": {
      const edge = options.nowSeconds - key.seconds;
      return key.than === "younger"
        ? { kind: "time", field: "internalDate", from: edge, to: FOREVER, needs: cold }
        : { kind: "time", field: "internalDate", from: -FOREVER, to: edge + 1, needs: cold };
    }
    case "text":
      return textTest(key.field, needleOf(key.value, options));
    case "header":
      return {
        kind: "header",
        fields: new FieldSet([key.name]),
        needle: needleOf(key.value, options),
        needs: Needs.record,
      };
    case "fuzzy":
    case "id":
    case "folder":
    case "savedatesupported":
    case "other":
      // Keys of extensions that are not here yet.
      throw new ImapSyntaxError("Invalid Search criteria", 0);
  }
}

function textTest(field: TextField, needle: Needle): Test {
  switch (field) {
    case "body":
    case "text":
      // Every message has an empty text in it.
      if (needle.text === "") return { kind: "constant", value: true, needs: Needs.hot };
      return { kind: "contents", headers: field === "text", needle, needs: Needs.message };
    default:
      return { kind: "header", fields: new FieldSet([field]), needle, needs: Needs.record };
  }
}

function needleOf(value: string, { charset, canonical }: CompileOptions): Needle {
  return needle(canonical.text(decodeText(Buffer.from(value, "latin1"), charset ?? "utf-8")));
}

function combined(kind: "and" | "or", tests: readonly Test[]): Test {
  const sorted = tests.toSorted((a, b) => a.needs - b.needs);
  return { kind, tests: sorted, needs: sorted.at(-1)!.needs };
}

function uidsOf(selected: SelectedMailbox, seqnos: readonly NumberRange[]): UidRange[] {
  // Uids between that are not in view are not asked about.
  return selected.uidSpans(seqnos);
}

/** The seconds that a day's key covers. @param local days of the server's zone, else UTC */
function days(when: "before" | "on" | "since", day: CalendarDay, local: boolean): [number, number] {
  const start = midnight(epochDay(day), local);
  const end = midnight(epochDay(day) + 1, local);
  if (when === "before") return [-FOREVER, start];
  return when === "since" ? [start, FOREVER] : [start, end];
}

function midnight(epochDays: number, local: boolean): number {
  const utc = epochDays * 86_400;
  if (!local) return utc;
  const guess = utc - localZoneMinutes(utc) * 60;
  return utc - localZoneMinutes(guess) * 60;
}
