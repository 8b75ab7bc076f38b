/** Special uses of mailboxes (RFC 6154). An owner has at most one mailbox for each use; one mailbox may have several. */
import { refuse } from "../errors.ts";

/** `\All` and `\Flagged` are views, which this server does not make. */
const standard = ["\\Archive", "\\Drafts", "\\Important", "\\Junk", "\\Sent", "\\Trash", "\\Snoozed"] as const;

export interface SpecialUses {
  /** By the name in lower case. */
  readonly known: ReadonlyMap<string, string>;
  /** Uses whose mailbox cannot be deleted, or moved below another parent, by its owner. */
  readonly protect: ReadonlySet<string>;
  /** Uses whose mailbox cannot have children. */
  readonly noChildren: ReadonlySet<string>;
}

/** The options `specialuse_extra`, `specialuse_protect`, `specialuse_nochildren`: uses with blanks between. */
export function specialUses(options: { extra: string; protect: string; noChildren: string }): SpecialUses {
  const known = new Map<string, string>();
  for (const use of [...standard, ...splitUses(options.extra)]) known.set(use.toLowerCase(), use);
  const fold = (text: string): Set<string> =>
    new Set(splitUses(text).map((use) => known.get(use.toLowerCase()) ?? use));
  return { known, protect: fold(options.protect), noChildren: fold(options.noChildren) };
}

export const defaultSpecialUses: SpecialUses = specialUses({
  extra: "",
  protect: "\\Archive \\Drafts \\Important \\Junk \\Sent \\Trash",
  noChildren: "",
});

/** Uses of a list entry's field. */
export function splitUses(text: string): string[] {
  return text.split(/[ \t]+/).filter((use) => use !== "");
}

/**
 * Canonical spelling, without repetitions.
 * @throws MailError badSpecialUse
 */
export function canonicalUses(uses: readonly string[], { known }: SpecialUses): string[] {
  return [...new Set(uses.map((use) => known.get(use.toLowerCase()) ?? refuse("badSpecialUse")))];
}

/** Whether any of the uses in a list entry's field is one of `uses`. */
export function hasUse(text: string, uses: ReadonlySet<string>): boolean {
  return text !== "" && splitUses(text).some((use) => uses.has(use));
}
