/** cyr_quota: lists quota roots with their limits and use; -f recounts. */
import { FlagError, type Flags, getopt } from "../config/getopt.ts";
import type { MboxName } from "../formats/ids.ts";
import { correctUse, type QuotaUsed, quotasAsJson, quotaTable, type Tools } from "../ops/maintenance/index.ts";
import { exitCode } from "../server/program/start-program.ts";
import type { QuotaRow } from "../store/index.ts";
import { openTools } from "./support/open-tools.ts";
import { runTool, type Start } from "./support/run-tool.ts";

const usage =
  "usage: quota [-C <alt_config>] [-d <domain>] [-f] [-q] [-n] [-J] [prefix]...\n       quota [-C <alt_config>] [-f] [-q] [-n] [-J] -u [user]...";
const name = "quota";

/** Roots that the words of the command line mean, in name order. undefined: a word that is no name. */
function rootsOf(tools: Tools, flags: Flags): QuotaRow[] {
  const domain = flags.last("d");
  const isInDomain = (quota: QuotaRow): boolean => domain === undefined || quota.root.startsWith(`${domain}!`);
  if (flags.words.length === 0) return tools.reader.quotas("").filter(isInDomain);
  const found = new Map<string, QuotaRow>();
  for (const word of flags.words) {
    const top = flags.last("u") === undefined ? tools.internal(word) : tools.inbox(word);
    if (top === undefined) continue;
    for (const quota of tools.reader.quotas(top)) if (isInDomain(quota)) found.set(quota.root, quota);
    // A prefix need not end where a level does: "user/f" means all users beginning so.
    if (flags.last("u") !== undefined) continue;
    const external = word;
    for (const quota of tools.reader.quotas("")) {
      if (isInDomain(quota) && tools.external(quota.root).startsWith(external)) found.set(quota.root, quota);
    }
  }
  return [...found.values()].sort((a, b) => (a.root < b.root ? -1 : 1));
}

/** Counts the roots, and corrects those whose use is not what their mailboxes say; prints each. Returns the rows as they are then. */
async function fix(tools: Tools, quotas: readonly QuotaRow[], onlyReport: boolean): Promise<Map<MboxName, QuotaUsed>> {
  const changed = new Map<MboxName, QuotaUsed>();
  for (const quota of quotas) {
    const result = await correctUse(tools, quota.root, { who: name, onlyReport });
    if (result === undefined) continue;
    const { before, after } = result;
    const root = tools.external(quota.root);
    if (before.storageUsed !== after.storageUsed) {
      console.log(`${root}: usage was ${before.storageUsed}, now ${after.storageUsed}`);
    }
    if (before.messageUsed !== after.messageUsed) {
      console.log(`${root}: MESSAGE usage was ${before.messageUsed}, now ${after.messageUsed}`);
    }
    if (before.annotUsed !== after.annotUsed) {
      console.log(`${root}: X-ANNOTATION-STORAGE usage was ${before.annotUsed}, now ${after.annotUsed}`);
    }
    if (before.folderUsed !== after.folderUsed) {
      console.log(`${root}: X-NUM-FOLDERS usage was ${before.folderUsed}, now ${after.folderUsed}`);
    }
    changed.set(quota.root, after);
  }
  return changed;
}

async function main(start: Start): Promise<number> {
  let flags: Flags;
  try {
    flags = getopt(process.argv.slice(2), "C:d:fqnJu");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`cyr_quota: ${error.message}\n${usage}`);
    return exitCode.usage;
  }
  const given = (letter: string): boolean => flags.last(letter) !== undefined;
  if (given("d") && given("u")) {
    console.error(usage);
    return exitCode.usage;
  }
  const { config, log } = start(flags.last("C"));
  const tools = openTools(config, log, name);
  try {
    const quotas = rootsOf(tools, flags);
    const changed = given("f") ? await fix(tools, quotas, given("n")) : undefined;
    const shown = quotas
      .filter(({ root }) => !(given("q") && given("f")) || changed?.has(root))
      .map((quota) => ({ ...quota, ...changed?.get(quota.root) }));
    if (given("q") && given("f")) return exitCode.ok;
    const nameOf = (root: MboxName): string => tools.external(root);
    if (given("J")) console.log(quotasAsJson(shown, nameOf));
    else process.stdout.write(quotaTable(shown, nameOf));
    return exitCode.ok;
  } finally {
    await tools.close();
  }
}

await runTool(name, main);
