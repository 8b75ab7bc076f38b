/** Flag names of clients, as bits. */
import { Flag, type MailboxWriter, userFlagBits } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import type { VerbContext } from "../verb.ts";

/** Flags of a request: system flags as bits (Flag), keywords by name. */
export interface FlagArgs {
  readonly system: number;
  readonly user: readonly string[];
}

export const noFlags: FlagArgs = { system: 0, user: [] };

const systemFlags: ReadonlyMap<string, number> = new Map([
  ["\\answered", Flag.answered],
  ["\\flagged", Flag.flagged],
  ["\\deleted", Flag.deleted],
  ["\\draft", Flag.draft],
  ["\\seen", Flag.seen],
]);

/** Bit of a system flag by its name in any case; undefined for \Recent and unknown ones. */
export function systemFlagBit(name: string): number | undefined {
  return systemFlags.get(name.toLowerCase());
}

/** Names in the order in which flags are printed: see imap FETCH. */
export const systemFlagNames: readonly (readonly [number, string])[] = [
  [Flag.answered, "\\Answered"],
  [Flag.flagged, "\\Flagged"],
  [Flag.draft, "\\Draft"],
  [Flag.deleted, "\\Deleted"],
  [Flag.seen, "\\Seen"],
];

/** @throws MailError tooManyUserFlags */
export function wantedUserBits(
  context: VerbContext,
  writer: MailboxWriter,
  names: readonly string[],
): [number, number, number, number] {
  return userFlagBits(context.tx, writer, names) ?? refuse("tooManyUserFlags");
}

/** Bits of those names that the mailbox knows already. */
export function knownUserBits(writer: MailboxWriter, names: readonly string[]): [number, number, number, number] {
  const bits: [number, number, number, number] = [0, 0, 0, 0];
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  writer.header.flagNames.forEach((name, place) => {
    if (name !== null && wanted.has(name.toLowerCase())) bits[place >> 5]! |= 1 << (place & 31);
  });
  return bits.map((word) => word >>> 0) as [number, number, number, number];
}

/** Names of the user flags set in `bits`. */
export function namesOfUserBits(names: readonly (string | null)[], bits: readonly number[]): string[] {
  return names.filter(
    (name, place): name is string => name !== null && ((bits[place >> 5]! >>> (place & 31)) & 1) === 1,
  );
}
