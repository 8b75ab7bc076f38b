/** Flags of a client as verbs want them. */
import type { FlagSet } from "../../formats/imap/index.ts";
import { type FlagArgs, systemFlagBit } from "../../ops/index.ts";

export function flagArgs({ system, keywords }: FlagSet): FlagArgs {
  let bits = 0;
  for (const flag of system) bits |= systemFlagBit(flag) ?? 0;
  return { system: bits, user: keywords };
}
