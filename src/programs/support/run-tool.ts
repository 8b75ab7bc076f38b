/** How an administration program ends, also when something it needs cannot be read: one line on stderr and in the log, and an exit code. */
import type { Log } from "../../base/log.ts";
import { ConfigError, requireAbsolutePaths } from "../../config/index.ts";
import { MailError } from "../../ops/index.ts";
import { exitCode, type ProgramStart, startProgram } from "../../server/program/start-program.ts";

/** startProgram for this program, whose paths must be absolute: it is called from anywhere. @throws ConfigError */
export type Start = (configFile: string | undefined) => ProgramStart;

/** Wrong flags or words: its text alone goes to stderr, and the program ends with 64. */
export class UsageError extends Error {}

/**
 * Runs `work`, whose result is the exit status, and sets that of the process. What it throws ends the program with
 * `fatal error: TEXT`: 78 for a configuration, 75 for what a later try may find mended (files, databases, the writer), 70,
 * with the stack, for a fault of ours.
 * @param name as in startProgram
 */
export async function runTool(name: string, work: (start: Start) => number | Promise<number>): Promise<void> {
  // Who reads our output may have seen enough, as `head` does.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  let log: Log | undefined;
  try {
    process.exitCode = await work((configFile) => {
      const started = startProgram(name, configFile);
      log = started.log;
      requireAbsolutePaths(started.config);
      return started;
    });
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(error.message);
      process.exitCode = exitCode.usage;
      return;
    }
    const isBug = !(error instanceof ConfigError || isFromOutside(error));
    const text = textOf(error, isBug);
    console.error(`fatal error: ${text}`);
    log?.err(`Fatal error: ${text}`);
    process.exitCode = isBug ? exitCode.software : error instanceof ConfigError ? exitCode.config : exitCode.tempFail;
  }
}

function textOf(error: unknown, withStack: boolean): string {
  if (!(error instanceof Error)) return String(error);
  return (withStack && error.stack) || error.message;
}

/** System calls, SQLite, and the writer's refusals; also inside of an error that says more. */
export function isFromOutside(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof MailError) return true;
  const { code, errcode, cause } = error as Error & { code?: unknown; errcode?: unknown };
  return typeof errcode === "number" || /^(?:ERR_FS_)?E[A-Z0-9]+$/.test(String(code)) || isFromOutside(cause);
}
