/** LIST and LSUB: RFC 3501 §6.3.8, §6.3.9, with CHILDREN (RFC 3348). */
import { type ListArguments, listLine, parseList, parsePlainList } from "../../../formats/imap/index.ts";
import { type ListItem, MailboxLister, type ListRequest, statusOf } from "../../../ops/mailboxes/index.ts";
import type { NameGroup } from "../../../ops/names/index.ts";
import { Right } from "../../../ops/index.ts";
import { statusLine, myRightsLine } from "../../../formats/imap/index.ts";
import { printRights } from "../../../ops/acl/index.ts";
import type { Snapshot } from "../../../store/index.ts";
import type { ImapCommand } from "../core.ts";
import type { ImapSession } from "../core.ts";
import { seconds } from "./fetch.ts";
import { statusValues } from "./status.ts";

export const list: ImapCommand<ListArguments> = {
  name: "LIST",
  state: "loggedIn",
  parse: parseList,
  async run(session, args) {
    const started = performance.now();
    const [pattern] = args.patterns;
    if (!args.extended && pattern === "") {
      listLine(session.out, "LIST", ["\\Noselect"], session.names.settings.separator, "");
      return `OK Completed (${seconds(started)} secs)`;
    }
    const { returns } = args;
    const select = selection(session, args);
    const items = await find(session, {
      ...request(session, args.reference, args.patterns),
      selectSubscribed: select.has("SUBSCRIBED"),
      recursiveMatch: select.has("RECURSIVEMATCH"),
      selectSpecialUse: select.has("SPECIAL-USE"),
      returnSubscribed: select.has("SUBSCRIBED") || returns.has("SUBSCRIBED"),
    });
    if (items === undefined) return undefined;
    const heads = new LineHeads(session, select, returns);
    let told = 0;
    for (const item of items) {
      if (item.childInfo || item.specialUse !== "") {
        const words = attributes(session, item, select, returns);
        const childInfo = item.childInfo ? ["SUBSCRIBED"] : undefined;
        listLine(session.out, "LIST", words, session.names.settings.separator, item.name, childInfo);
      } else session.out.octets(heads.of(item)).astring(item.name).crlf();
      if (returns.has("MYRIGHTS") && item.entry !== undefined) {
        myRightsLine(session.out, item.name, printRights(item.rights, session.mail.access.settings.legacy));
      }
      if (args.status !== undefined) session.view((snapshot) => tellStatus(session, snapshot, item, args));
      const looksAtClock = args.status !== undefined || (++told & (LINES_A_LOOK - 1)) === 0;
      if (looksAtClock && session.out.isDue() && !(await session.out.rest())) return undefined;
    }
    return completed(started, items.length);
  },
};

/** Lines between two looks at the clock, a power of two; they take some microseconds. */
const LINES_A_LOOK = 16;

/** Who logged in as `user+` (`imapmagicplus`) sees subscribed mailboxes only. */
function selection({ identity }: ImapSession, { select }: ListArguments): ListArguments["select"] {
  return identity?.magicPlus === "+" ? new Set([...select, "SUBSCRIBED"]) : select;
}

export const lsub: ImapCommand<{ readonly reference: string; readonly pattern: string }> = {
  name: "LSUB",
  state: "loggedIn",
  parse: parsePlainList,
  async run(session, { reference, pattern }) {
    const started = performance.now();
    const { allowallsubscribe } = session.service.context.config;
    const items = await find(session, {
      ...request(session, reference, [pattern]),
      selectSubscribed: true,
      lsub: true,
      lsubMissing: allowallsubscribe,
    });
    if (items === undefined) return undefined;
    const { specialusealways } = session.service.context.config;
    for (const { name, entry, hasChildren, nonExistent, specialUse } of items) {
      if (entry === undefined && !nonExistent) {
        listLine(session.out, "LSUB", ["\\Noselect", "\\HasChildren"], session.names.settings.separator, name);
        continue;
      }
      const words = [
        ...(hasChildren ? ["\\HasChildren"] : []),
        ...(specialusealways && specialUse !== "" ? [specialUse] : []),
      ];
      listLine(session.out, "LSUB", words, session.names.settings.separator, name);
    }
    return completed(started, items.length);
  },
};

function completed(started: number, count: number): string {
  return `OK Completed (${seconds(started)} secs${count === 0 ? "" : ` ${count} calls`})`;
}

function request(session: ImapSession, reference: string, patterns: readonly string[]): ListRequest {
  const { disable_shared_namespace, disable_user_namespace, foolstupidclients, ignorereference } =
    session.service.context.config;
  const hidden = new Set<NameGroup>();
  if (!session.names.viewer.adminView) {
    if (disable_user_namespace) hidden.add("users");
    if (disable_shared_namespace) hidden.add("shared");
  }
  return {
    reference: ignorereference ? "" : reference,
    patterns: foolstupidclients ? patterns.map((pattern) => (pattern === "*" ? "INBOX*" : pattern)) : patterns,
    hidden,
  };
}

/** @returns undefined when the client is gone */
async function find(session: ImapSession, wanted: ListRequest): Promise<ListItem[] | undefined> {
  const lister = new MailboxLister(session.names, session.mail.access, wanted);
  session.out.startSlice();
  while (!session.view((snapshot) => lister.step(snapshot))) {
    if (session.out.isDue() && !(await session.out.rest())) return undefined;
  }
  return lister.items;
}

/** In the order of Cyrus 3.6. */
function attributes(
  session: ImapSession,
  item: ListItem,
  select: ListArguments["select"],
  returns: ListArguments["returns"],
): string[] {
  // A name that is only a parent.
  if (item.entry === undefined && !item.nonExistent) return ["\\Noselect", "\\HasChildren"];
  const words: string[] = [];
  if (item.noInferiors) words.push("\\Noinferiors");
  if (item.subscribed && (select.has("SUBSCRIBED") || returns.has("SUBSCRIBED"))) words.push("\\Subscribed");
  words.push(item.hasChildren ? "\\HasChildren" : "\\HasNoChildren");
  const showsUse =
    session.service.context.config.specialusealways || select.has("SPECIAL-USE") || returns.has("SPECIAL-USE");
  if (showsUse && item.specialUse !== "") words.push(item.specialUse);
  if (item.nonExistent) words.push("\\NonExistent");
  else if (item.noSelect) words.push("\\Noselect");
  return words;
}

/** `* LIST (\HasNoChildren) "/" `: what comes before the name is one of a few in a whole LIST, and made once. */
class LineHeads {
  readonly #session: ImapSession;
  readonly #select: ListArguments["select"];
  readonly #returns: ListArguments["returns"];
  /** By what `attributes` looks at. */
  readonly #known: (Buffer | undefined)[] = [];

  constructor(session: ImapSession, select: ListArguments["select"], returns: ListArguments["returns"]) {
    this.#session = session;
    this.#select = select;
    this.#returns = returns;
  }

  /** @param item without a special use, whose text is from outside, and without CHILDINFO */
  of(item: ListItem): Buffer {
    const key =
      (item.entry === undefined ? 1 : 0) |
      (item.noInferiors ? 2 : 0) |
      (item.subscribed ? 4 : 0) |
      (item.hasChildren ? 8 : 0) |
      (item.nonExistent ? 16 : 0) |
      (item.noSelect ? 32 : 0);
    return (this.#known[key] ??= this.#make(item));
  }

  #make(item: ListItem): Buffer {
    const words = attributes(this.#session, item, this.#select, this.#returns).join(" ");
    return Buffer.from(`* LIST (${words}) "${this.#session.names.settings.separator}" `, "latin1");
  }
}

/** RFC 5819: nothing for what cannot be selected or read. */
function tellStatus(
  session: ImapSession,
  snapshot: Snapshot,
  { entry, name, rights }: ListItem,
  { status }: ListArguments,
): void {
  if (entry === undefined || entry.mbox === undefined || status === undefined || (rights & Right.read) === 0) return;
  const now = snapshot.entryByUniqueId(entry.uniqueId);
  if (now === undefined) return;
  const wanted = { recent: status.has("RECENT"), unseen: status.has("UNSEEN") };
  statusLine(session.out, name, statusValues(statusOf(snapshot, session.mail.access, now, wanted), status));
}
