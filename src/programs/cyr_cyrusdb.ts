/** cyr_cyrusdb: -r for START (the writer has recovered the store when it began), -c writes a checkpoint of what cannot be found in the message files. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../base/log.ts";
import { FlagError, type Flags, getopt } from "../config/getopt.ts";
import type { Config } from "../config/index.ts";
import { checkStore, copyDatabase, removeStrayRows, type Tools, writeCheckpoint } from "../ops/maintenance/index.ts";
import { exitCode } from "../server/program/start-program.ts";
import { openTools } from "./support/open-tools.ts";
import { runTool, type Start } from "./support/run-tool.ts";

const name = "ctl_cyrusdb";
const usage = `usage: cyr_cyrusdb [-C <altconfig>] -c [-F]
       cyr_cyrusdb [-C <altconfig>] -r [-x]
  -r  recover: checks the databases, removes reserved mailboxes
  -x  keeps reserved mailboxes
  -c  checkpoint: writes db.backup1, the last one becomes db.backup2
  -F  with -c: also a whole copy of each database`;
/** exit(-1), as ever. */
const usageExit = 255;

async function recover(tools: Tools, config: Config, log: Log, keepReserved: boolean): Promise<number> {
  log.notice("recovering cyrus databases");
  const problems = tools.reader.dbs.flatMap((db) => checkStore(db));
  for (const problem of problems) {
    log.err(`DBERROR: ${problem}`);
    console.error(`cyr_cyrusdb: ${problem}`);
  }
  if (!keepReserved) {
    for (const mailbox of await tools.writer.ask("maintenance.remove-reserved", {})) {
      log.notice(`removed reserved mailbox ${mailbox}`);
    }
  }
  const stray = removeStrayRows(config.configdirectory);
  if (stray > 0) log.notice(`removed ${stray} files of a checkpoint that was cut short`);
  log.notice("done recovering cyrus databases");
  // Damage is for cyr_reconstruct; what is whole should be served meanwhile, and a START entry that fails stops the server.
  return exitCode.ok;
}

async function checkpoint(tools: Tools, config: Config, log: Log, isWhole: boolean): Promise<number> {
  log.notice("checkpointing cyrus databases");
  const counts = await writeCheckpoint(tools.reader, config.configdirectory);
  if (!counts) {
    log.notice("another process writes a checkpoint, nothing done");
    return exitCode.ok;
  }
  log.info("checkpoint written", { mailboxes: counts.mailboxes, changed: counts.changed, octets: counts.rowOctets });
  for (const [shard, db] of isWhole ? tools.reader.dbs.entries() : []) {
    const file = shard === 0 ? "store.db" : `store-${shard}.db`;
    await copyDatabase(db, join(config.configdirectory, "db.backup1", file));
  }
  log.notice("done checkpointing cyrus databases");
  return exitCode.ok;
}

async function main(start: Start): Promise<number> {
  let flags: Flags;
  try {
    flags = getopt(process.argv.slice(2), "C:rxcF");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`cyr_cyrusdb: ${error.message}\n${usage}`);
    return usageExit;
  }
  const given = (letter: string): boolean => flags.last(letter) !== undefined;
  if (given("r") === given("c")) {
    console.error(usage);
    return usageExit;
  }
  const { config, log } = start(flags.last("C"));
  if (!existsSync(config.configdirectory)) {
    console.error(`fatal error: configdirectory ${config.configdirectory} does not exist`);
    return exitCode.config;
  }
  const tools = openTools(config, log, name);
  try {
    return given("r")
      ? await recover(tools, config, log, given("x"))
      : await checkpoint(tools, config, log, given("F"));
  } finally {
    await tools.close();
  }
}

await runTool(name, main);
