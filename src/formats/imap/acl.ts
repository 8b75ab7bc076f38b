/** ACL commands' arguments (RFC 4314 §3). What rights mean is not known here. */
import type { Arguments } from "./arguments.ts";
import { printable } from "./flags.ts";

/** Letters a client may name: the standard ones, the old "c" and "d", and the digits for local use. */
const rightLetters = "lrswipkxtecdan0123456789";

export interface RightsChange {
  readonly change: "replace" | "add" | "remove";
  /** Letters without duplicates, in the order typed; "c" and "d" not yet expanded. */
  readonly rights: string;
}

export interface SetAclArguments {
  readonly mailbox: string;
  /** With its "-" prefix, if it is for negative rights. */
  readonly identifier: string;
  readonly rights: RightsChange;
}

/** mod-rights = astring ; ["+" / "-"] rights. @throws ImapSyntaxError for a letter that is no right */
function rightsChange(args: Arguments): RightsChange {
  const at = args.mark;
  const text = args.astring();
  const sign = text[0];
  const letters = sign === "+" || sign === "-" ? text.slice(1) : text;
  for (const letter of letters) {
    if (rightLetters.includes(letter)) continue;
    args.rewind(at);
    args.fail(`The ${printable(letter)} right is not supported`);
  }
  const change = sign === "+" ? "add" : sign === "-" ? "remove" : "replace";
  return { change, rights: [...new Set(letters)].join("") };
}

/** setacl = "SETACL" SP mailbox SP identifier SP mod-rights */
export function parseSetAcl(args: Arguments): SetAclArguments {
  args.space();
  const mailbox = args.mailbox();
  args.space();
  const identifier = args.astring();
  args.space();
  const rights = rightsChange(args);
  args.end();
  return { mailbox, identifier, rights };
}

/** deleteacl, listrights = ... SP mailbox SP identifier */
export function parseMailboxAndIdentifier(args: Arguments): { readonly mailbox: string; readonly identifier: string } {
  args.space();
  const mailbox = args.mailbox();
  args.space();
  const identifier = args.astring();
  args.end();
  return { mailbox, identifier };
}
