/** cyr_reconstruct: checks mailboxes against what lies on disk and puts right what differs; -P brings a lost mailbox list back. */
import type { Log } from "../base/log.ts";
import { FlagError, type Flags, getopt } from "../config/getopt.ts";
import type { MboxName } from "../formats/ids.ts";
import {
  Checkpoints,
  correctUse,
  hasMessages,
  MailboxCheck,
  rebuildList,
  type ReconstructOptions,
  type Tools,
} from "../ops/maintenance/index.ts";
import { MailError } from "../ops/index.ts";
import { exitCode } from "../server/program/start-program.ts";
import type { ListEntry } from "../store/index.ts";
import { openTools } from "./support/open-tools.ts";
import { runTool, type Start, UsageError } from "./support/run-tool.ts";

const name = "reconstruct";
const usage = `usage: cyr_reconstruct [-C <alt_config>] [-p partition] [-ksrfxgGqRUMIoOn] mailbox...
       cyr_reconstruct [-C <alt_config>] [-ksrfxgGqRUMIoOn] -u user...
       cyr_reconstruct [-C <alt_config>] [-ksrfxgGqRUMIoOn] -V <version> mailbox...
       cyr_reconstruct [-C <alt_config>] -P [partition|path]...`;

interface Run {
  readonly tools: Tools;
  readonly flags: Flags;
  readonly log: Log;
  readonly options: ReconstructOptions;
  readonly checkpoint: () => Checkpoints;
  failed: boolean;
}

const isGiven = (flags: Flags, letter: string): boolean => flags.last(letter) !== undefined;

function parseFlags(): Flags {
  let flags: Flags;
  try {
    flags = getopt(process.argv.slice(2), "C:kp:rfsxgGqRUoOnMIuV:Pd");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new UsageError(`cyr_reconstruct: ${error.message}\n${usage}`);
  }
  const version = flags.last("V");
  const isKnown =
    version === undefined || version === "max" || (/^\d{1,2}$/.test(version) && +version >= 8 && +version <= 17);
  if (!isKnown)
    throw new UsageError(`cyr_reconstruct: "${version}" is no version of an index (8 to 17, max)\n${usage}`);
  for (const [one, other] of ["RU", "oO", "up"]) {
    if (isGiven(flags, one!) && isGiven(flags, other!)) {
      throw new UsageError(`cyr_reconstruct: -${one} and -${other} exclude each other\n${usage}`);
    }
  }
  return flags;
}

function optionsOf(flags: Flags): ReconstructOptions {
  return {
    dryRun: isGiven(flags, "n"),
    noStat: isGiven(flags, "s"),
    rehash: isGiven(flags, "G") || isGiven(flags, "R") || isGiven(flags, "U"),
    onMismatch: isGiven(flags, "R") ? "newUid" : isGiven(flags, "U") ? "remove" : "report",
    oddFiles: isGiven(flags, "O") ? "delete" : isGiven(flags, "o") ? "ignore" : "add",
  };
}

/** Checks one mailbox and prints its name, and what was found in lines `NAME ...`. */
async function reconstructOne(run: Run, entry: ListEntry, isNew: boolean): Promise<void> {
  const { tools, flags, log, options, checkpoint } = run;
  const shown = tools.external(entry.name);
  const say = (problem: string): void => {
    console.log(`${shown} ${problem}`);
    log.notice(`${entry.name} ${problem}`);
  };
  if (hasMessages(entry)) {
    try {
      const rows = (box: ListEntry["uniqueId"]) => checkpoint().rows(box);
      if (isNew) await new MailboxCheck(tools, entry, options, rows, say).run(true);
      if (isNew) await tools.mail.settle();
      await new MailboxCheck(tools, entry, options, rows, say).run();
    } catch (error) {
      // Deleted since we read its name.
      if (error instanceof MailError && error.code === "mailboxNonexistent") return;
      run.failed = true;
      const text = error instanceof Error ? error.message : String(error);
      console.error(`${shown}: ${text}`);
      log.err(`cannot reconstruct ${entry.name}: ${error instanceof Error ? error.stack : text}`);
      return;
    }
  }
  if (!isGiven(flags, "q")) console.log(shown);
}

/** Partitions that the words name, by name or path; all without words. @throws UsageError */
function partitionsOf({ tools }: Run, words: readonly string[]): string[] {
  const all = [...tools.config.partitions];
  if (words.length === 0) return all.map(([partition]) => partition);
  return words.map((word) => {
    const path = word.replace(/(.)\/+$/, "$1");
    const found = all.find(([partition, { path: root }]) => partition === word || root === path);
    if (!found) throw new UsageError(`cyr_reconstruct: "${word}" is no partition\n${usage}`);
    return found[0];
  });
}

/** Looks for mailboxes on disk that are not in the list. @returns those that came back */
async function discover(run: Run): Promise<Set<MboxName>> {
  const { tools, flags } = run;
  const isWhole = isGiven(flags, "P") || isGiven(flags, "d") || flags.words.length === 0;
  const partition = flags.last("p");
  const tops = isWhole
    ? []
    : flags.words.map((word) => (isGiven(flags, "u") ? tools.inbox(word) : tools.internal(word)));
  const back = await rebuildList(
    tools,
    {
      dryRun: run.options.dryRun,
      ignoreMetadata: isGiven(flags, "x"),
      isWanted: (found) =>
        isWhole || tops.some((top) => top !== undefined && (found === top || found.startsWith(`${top}.`))),
      partitions: partitionsOf(run, isGiven(flags, "P") ? flags.words : partition === undefined ? [] : [partition]),
      everything: isWhole,
    },
    (line) => {
      console.log(line);
      run.log.notice(line);
    },
  );
  return new Set(back);
}

/** Makes mailboxes that are named and not there, on the partition of -p. */
async function createNamed({ tools, flags, options }: Run, partition: string): Promise<void> {
  for (const word of flags.words) {
    const mailbox = /[*%]/.test(word) ? undefined : tools.internal(word);
    if (mailbox === undefined || tools.reader.entry(mailbox) || options.dryRun) continue;
    await tools.writer.ask("mailboxes.create", { name: mailbox, partition, byServer: true });
  }
}

async function reconstruct(run: Run): Promise<void> {
  const { tools, flags } = run;
  const isSearch = ["f", "P", "d"].some((letter) => isGiven(flags, letter));
  const back = isSearch ? await discover(run) : new Set<MboxName>();
  const partition = flags.last("p");
  if (partition !== undefined && !isGiven(flags, "P")) {
    partitionsOf(run, [partition]);
    await createNamed(run, partition);
  }
  const roots = new Set<MboxName>();
  const done = new Set<MboxName>();
  const one = async (entry: ListEntry): Promise<void> => {
    done.add(entry.name);
    await reconstructOne(run, entry, back.has(entry.name));
    const root = tools.mail.view((snapshot) => snapshot.quotaRoot(entry.name));
    if (root !== undefined) roots.add(root);
  };
  const isOnlyList = isGiven(flags, "P") || isGiven(flags, "d");
  const recurse = isGiven(flags, "r") || isGiven(flags, "f");
  if (!isOnlyList) {
    for (const entry of tools.mailboxes(flags.words, { users: isGiven(flags, "u"), recurse })) await one(entry);
  }
  for (const mailbox of back) {
    const entry = done.has(mailbox) ? undefined : tools.reader.entry(mailbox);
    if (entry) await one(entry);
  }
  for (const root of roots) await checkQuota(run, root);
}

async function checkQuota({ tools, options, log }: Run, root: MboxName): Promise<void> {
  const result = await correctUse(tools, root, { who: name, onlyReport: options.dryRun });
  if (result === undefined) return;
  if (options.dryRun) {
    console.log(`${tools.external(root)} quota use is wrong`);
    return;
  }
  const { before, after } = result;
  const text = `quota use was ${before.storageUsed} octets in ${before.messageUsed} messages, now ${after.storageUsed} in ${after.messageUsed}`;
  console.log(`${tools.external(root)} ${text}`);
  log.notice(`${root} ${text}`);
}

async function main(start: Start): Promise<number> {
  const flags = parseFlags();
  const { config, log } = start(flags.last("C"));
  const tools = openTools(config, log, name);
  try {
    let checkpoint: Checkpoints | undefined;
    const run: Run = {
      tools,
      flags,
      log,
      options: optionsOf(flags),
      checkpoint: () => (checkpoint ??= new Checkpoints(config.configdirectory)),
      failed: false,
    };
    await reconstruct(run);
    return run.failed ? exitCode.tempFail : exitCode.ok;
  } finally {
    await tools.close();
  }
}

await runTool(name, main);
