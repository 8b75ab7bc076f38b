/** SETQUOTA's arguments (RFC 2087 §4.1); GETQUOTA and GETQUOTAROOT take one astring. */
import type { Arguments } from "./arguments.ts";

export interface SetQuotaArguments {
  readonly root: string;
  /** Resource names in upper case, not checked; a later one of the same name wins. Empty: no limits. */
  readonly limits: ReadonlyMap<string, number>;
}

/** setquota = "SETQUOTA" SP astring SP "(" [resource *(SP resource)] ")"; resource = atom SP number */
export function parseSetQuota(args: Arguments): SetQuotaArguments {
  const message = "Invalid quota list in Setquota";
  args.space();
  const root = args.astring();
  args.space();
  const limits = new Map<string, number>();
  const one = (): void => {
    const name = args.atom(message).toUpperCase();
    if (!args.optionalSpace()) args.fail(message);
    limits.set(name, args.number64(message));
  };
  args.list(one, 100, message);
  args.end();
  return { root, limits };
}
