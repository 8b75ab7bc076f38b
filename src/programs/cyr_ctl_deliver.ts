/** cyr_ctl_deliver: -d prints deliver.db, -f names another file; -E is cyr_expire's. */
import { spawnSync } from "node:child_process";
import { extname, join } from "node:path";
import { FlagError, type Flags, getopt } from "../config/getopt.ts";
import { duplicatesPath } from "../ops/delivery/index.ts";
import { readDeliveries } from "./support/deliver-db.ts";
import { runTool, type Start } from "./support/run-tool.ts";

const usage = "usage: ctl_deliver [-C <altconfig>] -d [-f <dbfile>]";
/** What Cyrus's exits with. */
const USAGE_EXIT = 255;
const UNREADABLE_EXIT = 1;
const ID_COLUMNS = 40;
const MAILBOX_COLUMNS = 20;

function dump(path: string, log: Parameters<typeof readDeliveries>[1]): number {
  let marks: ReturnType<typeof readDeliveries>;
  try {
    marks = readDeliveries(path, log);
  } catch (error) {
    const text = `unable to init duplicate delivery database: ${path}: ${error instanceof Error ? error.message : String(error)}`;
    console.error(`ctl_deliver: ${text}`);
    log.err(`DBERROR: ${text}`);
    return UNREADABLE_EXIT;
  }
  console.log(`it is NOW: ${Math.floor(Date.now() / 1_000)}`);
  for (const { id, recipient, at, uid } of marks) {
    // Ids come from messages: nothing in them may end the line.
    const shown = id.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
    console.log(`id: ${shown.padEnd(ID_COLUMNS)}\tto: ${recipient.padEnd(MAILBOX_COLUMNS)}\tat: ${at}\tuid: ${uid}`);
  }
  console.log(`got ${marks.length} entries`);
  return 0;
}

function expire(days: string, configFile: string | undefined): number {
  console.error("ctl_deliver -E is deprecated: using cyr_expire -E instead");
  const program = join(import.meta.dirname, `cyr_expire${extname(import.meta.filename)}`);
  const config = configFile === undefined ? [] : ["-C", configFile];
  const { status, error } = spawnSync(process.execPath, [program, ...config, "-E", days], { stdio: "inherit" });
  if (error !== undefined) throw error;
  return status ?? USAGE_EXIT;
}

function main(start: Start): number {
  let flags: Flags;
  try {
    flags = getopt(process.argv.slice(2), "C:dE:f:");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`ctl_deliver: ${error.message}\n${usage}`);
    return USAGE_EXIT;
  }
  const days = flags.last("E");
  if (days !== undefined) return expire(days, flags.last("C"));
  if (flags.last("d") === undefined) {
    console.error(usage);
    return USAGE_EXIT;
  }
  const { config, log } = start(flags.last("C"));
  return dump(flags.last("f") ?? duplicatesPath(config), log);
}

await runTool("ctl_deliver", main);
