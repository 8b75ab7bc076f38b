/** LIST, LSUB, XLIST, RLIST arguments (RFC 3501 §6.3.8, RFC 5258, RFC 5819, RFC 6154, RFC 8440, RFC 9590). */
import type { Arguments } from "./arguments.ts";
import { printable } from "./flags.ts";
import { MAX_LIST_PATTERNS } from "./limits.ts";
import { parseStatusItems, type StatusItem } from "./status.ts";

export type ListSelect = "SUBSCRIBED" | "REMOTE" | "RECURSIVEMATCH" | "SPECIAL-USE";
export type ListReturn = "SUBSCRIBED" | "CHILDREN" | "MYRIGHTS" | "SPECIAL-USE";

export interface ListArguments {
  /** True when selection options, several patterns or RETURN were used: then no implied attributes of plain LIST apply. */
  readonly extended: boolean;
  readonly select: ReadonlySet<ListSelect>;
  readonly reference: string;
  readonly patterns: readonly string[];
  readonly returns: ReadonlySet<ListReturn>;
  /** RETURN (STATUS (...)). */
  readonly status: ReadonlySet<StatusItem> | undefined;
  /** RETURN (METADATA (...)): entry names. */
  readonly metadata: readonly string[] | undefined;
}

/** list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP "RETURN" SP list-return-opts] */
export function parseList(args: Arguments): ListArguments {
  args.space();
  const hasSelect = args.peek().kind === "open";
  const select = hasSelect ? readSelect(args) : new Set<ListSelect>();
  if (hasSelect) args.space();
  const reference = args.mailbox();
  args.space();
  const several = args.peek().kind === "open";
  const patterns: string[] = [];
  if (several) {
    args.list(() => patterns.push(args.astring()), MAX_LIST_PATTERNS, `Missing close parenthesis in ${args.name}`);
    if (patterns.length === 0) args.missing();
  } else patterns.push(args.astring());
  const target: ReturnOptions = { returns: new Set(), status: undefined, metadata: undefined };
  const hasReturn = args.optionalSpace();
  if (hasReturn) readReturn(args, target);
  args.end();
  return { extended: hasSelect || several || hasReturn, select, reference, patterns, ...target };
}

/** LSUB, and LIST of servers that know no options: SP mailbox SP list-mailbox. */
export function parsePlainList(args: Arguments): { readonly reference: string; readonly pattern: string } {
  args.space();
  const reference = args.mailbox();
  args.space();
  const pattern = args.astring();
  args.end();
  return { reference, pattern };
}

function readSelect(args: Arguments): Set<ListSelect> {
  const select = new Set<ListSelect>();
  const one = (): void => {
    const word = args.atom(`Invalid syntax in ${args.name}`);
    const name = word.toUpperCase();
    if (name === "SUBSCRIBED" || name === "REMOTE" || name === "RECURSIVEMATCH" || name === "SPECIAL-USE")
      select.add(name);
    else args.fail(`Invalid List selection option "${printable(word.toLowerCase())}"`);
  };
  args.list(one, 100, "Missing close parenthesis in List selection options");
  // RFC 5258 §3: RECURSIVEMATCH needs an option that it can apply to.
  if (select.has("RECURSIVEMATCH") && !select.has("SUBSCRIBED") && !select.has("SPECIAL-USE")) {
    args.fail("Invalid combination of selection options");
  }
  return select;
}

interface ReturnOptions {
  readonly returns: Set<ListReturn>;
  status: ReadonlySet<StatusItem> | undefined;
  metadata: readonly string[] | undefined;
}

function readReturn(args: Arguments, target: ReturnOptions): void {
  const word = args.peek();
  if (word.kind !== "atom" || word.text.toUpperCase() !== "RETURN")
    args.fail(`Unexpected extra arguments to ${args.name}`);
  args.take();
  args.space();
  const message = "Missing close parenthesis in List return options";
  const one = (): void => {
    const option = args.atom(`Invalid syntax in ${args.name}`);
    const name = option.toUpperCase();
    switch (name) {
      case "SUBSCRIBED":
      case "CHILDREN":
      case "MYRIGHTS":
      case "SPECIAL-USE":
        target.returns.add(name);
        break;
      case "STATUS":
        args.space();
        target.status = parseStatusItems(args);
        break;
      case "METADATA": {
        args.space();
        const entries: string[] = [];
        args.list(() => entries.push(args.astring()), 100, message);
        target.metadata = entries;
        break;
      }
      default:
        args.fail(`Invalid List return option "${printable(option.toLowerCase())}"`);
    }
  };
  args.list(one, 100, message);
}
