/** cyr_expire: removes what has had its time: expunged messages, deleted mailboxes, entries of deliver.db, unused flags. */
import type { Log } from "../base/log.ts";
import { FlagError, type Flags, getopt } from "../config/getopt.ts";
import type { Config } from "../config/index.ts";
import type { MboxName } from "../formats/ids.ts";
import {
  expireMailboxes,
  type ExpiryOptions,
  parseDuration,
  removeDeletedMailboxes,
  removeTombstones,
  type Tools,
} from "../ops/maintenance/index.ts";
import { exitCode } from "../server/program/start-program.ts";
import { openTools } from "./support/open-tools.ts";
import { pruneDeliveries } from "./support/prune-deliveries.ts";
import { runTool, type Start, UsageError } from "./support/run-tool.ts";

/** Settings `cyr_expire_OPTION` are its own. */
const name = "cyr_expire";
const usage = `Expire messages and perform related maintenance tasks.

usage: cyr_expire [OPTIONS] {mailbox...}

Options:
  -A, <archive-duration>
  -D, <delete-duration>
  -E, <expire-duration>
  -X, <expunge-duration>
  -C, <config-file>
  -p, <mailbox-prefix>
  -t, drop unused user flags
  -u, <userid>
  -a, skip annotation lookup
  -c, do not expire conversations
  -v, verbose
  -x, do not expire messages
  -h, help

 At least one of -A -D -E -X -t must be given. A duration is a number, decimal
 fractions allowed, and d, h, m or s for days, hours, minutes, seconds; days
 without a letter.`;

const durations = ["A", "D", "E", "X"] as const;
type Durations = Readonly<Record<(typeof durations)[number], number | undefined>>;

function parseFlags(): { flags: Flags; seconds: Durations } {
  let flags: Flags;
  try {
    flags = getopt(process.argv.slice(2), "C:A:D:E:X:p:u:tvacxh");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new UsageError(`cyr_expire: ${error.message}\n${usage}`);
  }
  if (flags.last("h") !== undefined) throw new UsageError(usage);
  const seconds: Record<(typeof durations)[number], number | undefined> = {
    A: undefined,
    D: undefined,
    E: undefined,
    X: undefined,
  };
  for (const letter of durations) {
    const text = flags.last(letter);
    if (text === undefined) continue;
    seconds[letter] = parseDuration(text);
    if (seconds[letter] === undefined) {
      throw new UsageError(`cyr_expire: "${text}" is no duration (-${letter})\n${usage}`);
    }
  }
  const isAsked = durations.some((letter) => seconds[letter] !== undefined) || flags.last("t") !== undefined;
  if (!isAsked) throw new UsageError(usage);
  if (flags.last("p") !== undefined && flags.last("u") !== undefined) {
    throw new UsageError(`cyr_expire: -p and -u exclude each other\n${usage}`);
  }
  return { flags, seconds };
}

/**
 * Of -p, -u and the words: the mailboxes that are looked at, with those below each. No name: all.
 * @throws UsageError for what can be no mailbox
 */
function topsOf(tools: Tools, flags: Flags): readonly (MboxName | undefined)[] {
  const [prefix, user] = [flags.last("p"), flags.last("u")];
  const tops = new Set<MboxName>();
  const add = (given: string, top: MboxName | undefined, kind: string): void => {
    if (top === undefined) throw new UsageError(`cyr_expire: "${given}" is no name of a ${kind}`);
    tops.add(top);
  };
  if (user !== undefined) add(user, tools.inbox(user), "user");
  for (const word of prefix === undefined ? flags.words : [prefix, ...flags.words]) {
    add(word, tools.internal(word), "mailbox");
  }
  // What lies below another one is looked at with that.
  const isBelowAnother = (name: MboxName): boolean => [...tops].some((top) => name.startsWith(`${top}.`));
  return tops.size === 0 ? [undefined] : [...tops].filter((top) => !isBelowAnother(top));
}

/** Says a line to syslog and, with -v, to stderr, where an empty line follows. */
type Say = (text: string) => void;

async function run(tools: Tools, flags: Flags, seconds: Durations, log: Log, config: Config): Promise<number> {
  const given = (letter: string): boolean => flags.last(letter) !== undefined;
  const say: Say = (text) => {
    log.notice(text);
    if (given("v")) console.error(`\n${text}`);
  };
  let failed = false;
  let stopped = false;
  const tops = topsOf(tools, flags);
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) process.on(signal, () => (stopped = true));
  const now = Math.floor(Date.now() / 1000);
  const options: ExpiryOptions = {
    expire: seconds.E,
    remove: seconds.X,
    archive: config.archive_enabled ? seconds.A : undefined,
    deleted: seconds.D,
    dropFlags: given("t"),
    noExpire: given("x"),
    ignoreAnnotations: given("a"),
    top: undefined,
    now,
    stop: () => stopped,
    problem: (mailbox, error) => {
      failed = true;
      const text = error instanceof Error ? error.message : String(error);
      log.err(`cannot expire ${mailbox}: ${text}`);
      console.error(`${tools.external(mailbox)}: ${text}`);
    },
  };
  if (seconds.A !== undefined && !config.archive_enabled) {
    log.info("cyr_expire -A: archive_enabled is off, nothing to do");
    if (given("v")) console.error("archive_enabled is off, nothing to archive");
  }
  if (seconds.A !== undefined || seconds.E !== undefined || seconds.X !== undefined || given("t")) {
    const counts = { mailboxes: 0, messages: 0, expired: 0, removed: 0, archived: 0, droppedFlags: 0 };
    for (const top of tops) {
      const more = await expireMailboxes(tools, { ...options, top });
      for (const [key, count] of Object.entries(more)) counts[key as keyof typeof counts] += count;
    }
    const { expired, removed, messages, mailboxes } = counts;
    say(`Expired ${expired} and expunged ${removed} out of ${messages} messages from ${mailboxes} mailboxes`);
    if (counts.archived > 0) say(`Archived ${counts.archived} messages`);
    if (counts.droppedFlags > 0) say(`Expunged ${counts.droppedFlags} user flags`);
  }
  if (seconds.D !== undefined) {
    let count = 0;
    for (const top of tops) count += await removeDeletedMailboxes(tools, seconds.D, { ...options, top });
    say(`Removed ${count} deleted mailboxes`);
  }
  if (seconds.E !== undefined || seconds.X !== undefined) {
    for (const tombstone of await removeTombstones(tools, now)) {
      log.notice(`Removing stale tombstone for ${tombstone}`);
      if (given("v")) console.error(`Removing stale tombstone for ${tools.external(tombstone)}`);
    }
  }
  if (seconds.E !== undefined) pruneDeliveries(config, log, seconds.E, say);
  return failed ? exitCode.tempFail : exitCode.ok;
}

async function main(start: Start): Promise<number> {
  const { flags, seconds } = parseFlags();
  const { config, log } = start(flags.last("C"));
  const tools = openTools(config, log, name);
  try {
    return await run(tools, flags, seconds, log, config);
  } finally {
    await tools.close();
  }
}

await runTool(name, main);
