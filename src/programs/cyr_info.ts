/** cyr_info: the configuration as the server understands it, its faults, open sessions (and their end), the version. */
import { writeSync } from "node:fs";
import { runInfo, sessionsToEnd } from "../config/command-info.ts";
import { procDirectory, requestSessionEnd } from "../server/proc/proc-files.ts";
import { canRun, hasProgram } from "./support/has-program.ts";
import { runTool, type Start } from "./support/run-tool.ts";

function main(start: Start): number {
  const argv = process.argv.slice(2);
  const wanted = sessionsToEnd(argv);
  if (wanted !== undefined) return endSessions(start, wanted.names, wanted.configFile);
  const { out, err, exitCode } = runInfo(argv, process.env, { has: hasProgram, canRun });
  for (const line of err) console.error(line);
  if (out.length > 0) writeAll(`${out.join("\n")}\n`);
  return exitCode;
}

/** @returns exit status: 1 when one of the sessions could not be ended */
function endSessions(start: Start, names: readonly string[], configFile: string | undefined): number {
  const { config, log } = start(configFile);
  const directory = procDirectory({ procPath: config.proc_path, configDirectory: config.configdirectory });
  let status = 0;
  for (const name of names) {
    try {
      if (requestSessionEnd(directory, name)) {
        log.notice(`session ${name} is asked to end`);
        continue;
      }
      console.error(`cyr_info: ${name}: there is no such session; cyr_info proc lists them`);
    } catch (error) {
      console.error(`cyr_info: ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    status = 1;
  }
  return status;
}

/** Synchronous, so that a pipe gets everything before the end; a reader that has gone, as `head` does, is no error. */
function writeAll(text: string): void {
  const octets = Buffer.from(text, "utf8");
  try {
    for (let at = 0; at < octets.length; ) at += writeSync(1, octets, at);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
}

await runTool("cyr_info", main);
