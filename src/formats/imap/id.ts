/** ID's arguments (RFC 2971 §3.3), with Cyrus's limits. */
import type { Arguments } from "./arguments.ts";
import { MAX_ID_FIELD_OCTETS, MAX_ID_PAIRS, MAX_ID_VALUE_OCTETS } from "./limits.ts";

/**
 * id = "ID" SP ("(" [string SP nstring *(SP string SP nstring)] ")" / nil). Field names in lower case; of two alike the
 * last counts. Null for NIL. The values are a client's words: escape them before they reach a log.
 */
export function parseId(args: Arguments): ReadonlyMap<string, string | null> | null {
  args.space();
  const token = args.peek();
  if (token.kind === "atom" && token.text.toUpperCase() === "NIL") {
    args.take();
    args.end();
    return null;
  }
  const bad = "Invalid parameter list in Id";
  const pairs = new Map<string, string | null>();
  const one = (): void => {
    const field = args.string(bad);
    if (field.length > MAX_ID_FIELD_OCTETS) args.fail("field longer than 30 octets in Id");
    if (!args.optionalSpace()) args.fail(bad);
    const value = args.nstring(bad);
    if (value !== null && value.length > MAX_ID_VALUE_OCTETS) args.fail("value longer than 1024 octets in Id");
    pairs.set(field.toLowerCase(), value);
  };
  args.list(one, MAX_ID_PAIRS, bad);
  args.end();
  return pairs;
}
