/** cyr_tls_prune: removes what can resume no TLS session any more. Quiet, and content when there is nothing. */
import { rmSync, statSync } from "node:fs";
import { FlagError, getopt } from "../config/getopt.ts";
import { readTicketKey, ticketKeyPath } from "../server/tls/index.ts";
import { runTool, type Start } from "./support/run-tool.ts";

const usage = "usage: cyr_tls_prune [-C imapd.conf]";
/** What Cyrus's exits with. */
const USAGE_EXIT = 255;

function main(start: Start): number {
  let configFile: string | undefined;
  try {
    configFile = getopt(process.argv.slice(2), "C:").last("C");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`cyr_tls_prune: ${error.message}\n${usage}`);
    return USAGE_EXIT;
  }
  const { config, log } = start(configFile);
  const path = ticketKeyPath(config);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    log.info(`tls_prune: ${path} not found, nothing to do`);
    return 0;
  }
  const key = readTicketKey(path);
  const age = key === undefined ? Number.POSITIVE_INFINITY : Date.now() / 1000 - key.createdSeconds;
  if (age <= config.tls_session_timeout) {
    log.info("tls_prune: the key of session tickets is in use, nothing to remove");
    return 0;
  }
  rmSync(path, { force: true });
  log.notice(`tls_prune: removed ${path}, too old to resume sessions`);
  return 0;
}

await runTool("tls_prune", main);
