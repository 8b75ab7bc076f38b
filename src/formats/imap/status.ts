/** STATUS arguments (RFC 3501 §6.3.10), also of LIST's STATUS return option. */
import type { Arguments } from "./arguments.ts";
import { printable } from "./flags.ts";

/** In the order in which the answer shows them, whatever the order asked for. */
export const statusItems = [
  "MESSAGES",
  "RECENT",
  "UIDNEXT",
  "UIDVALIDITY",
  "MAILBOXID",
  "UNSEEN",
  "SIZE",
  "HIGHESTMODSEQ",
  "CREATEDMODSEQ",
  "XCONVEXISTS",
  "XCONVUNSEEN",
  "XCONVMODSEQ",
] as const;
export type StatusItem = (typeof statusItems)[number];

const known = new Map<string, StatusItem>(statusItems.map((item) => [item, item]));

export interface StatusArguments {
  readonly mailbox: string;
  readonly items: ReadonlySet<StatusItem>;
}

/** status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
export function parseStatus(args: Arguments): StatusArguments {
  args.space();
  const mailbox = args.mailbox();
  args.space();
  const items = parseStatusItems(args);
  args.end();
  return { mailbox, items };
}

/** "(" status-att *(SP status-att) ")" */
export function parseStatusItems(args: Arguments): ReadonlySet<StatusItem> {
  const items = new Set<StatusItem>();
  if (args.peek().kind !== "open") args.fail("Missing attribute list in Status");
  const one = (): void => {
    const word = args.atom("Missing required argument to Status");
    const item = known.get(word.toUpperCase());
    if (item === undefined) args.fail(`Invalid Status attributes ${printable(word.toLowerCase())}`);
    items.add(item);
  };
  args.list(one, 100, "Missing close parenthesis in Status");
  if (items.size === 0) args.fail("Empty status attribute list");
  return items;
}
