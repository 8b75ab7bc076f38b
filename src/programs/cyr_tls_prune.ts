/** cyr_tls_prune: removes what can resume no TLS session any more. Quiet, and content when there is nothing. */
import { rmSync, statSync } from "node:fs";
import { FlagError, getopt } from "../config/getopt.ts";
import { startProgram } from "../server/program/start-program.ts";
import { readTicketKey, ticketKeyPath } from "../server/tls/index.ts";

const usage = "usage: cyr_tls_prune [-C imapd.conf]";

function main(): void {
  let configFile: string | undefined;
  try {
    configFile = getopt(process.argv.slice(2), "C:").last("C");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(`cyr_tls_prune: ${error.message}\n${usage}`);
    process.exitCode = 255;
    return;
  }
  const { config, log } = startProgram("tls_prune", configFile);
  const path = ticketKeyPath(config);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    log.info(`tls_prune: ${path} not found, nothing to do`);
    return;
  }
  const key = readTicketKey(path);
  const age = key === undefined ? Number.POSITIVE_INFINITY : Date.now() / 1000 - key.createdSeconds;
  if (age <= config.tls_session_timeout) {
    log.info("tls_prune: the key of session tickets is in use, nothing to remove");
    return;
  }
  rmSync(path, { force: true });
  log.notice(`tls_prune: removed ${path}, too old to resume sessions`);
}

main();
