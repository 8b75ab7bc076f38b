/**
 * `-d`. Node cannot fork, so master starts itself once more in a session of its own and ends with what that one reports
 * on descriptor 3: one line, `STATUS TEXT`, when it is either running (0) or has failed.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";

const daemonVariable = "PASARGAD_DAEMON_FD";

/** In the process that the administrator started: resolves to its exit status. */
export async function runInBackground(): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: { ...process.env, [daemonVariable]: "3" },
  });
  let text = "";
  const report = child.stdio[3] as Readable;
  const ended = new Promise<number>((resolve) => {
    child.on("error", () => resolve(71));
    child.on("exit", (code) => resolve(code ?? 71));
  });
  for await (const piece of report) text += String(piece);
  const [, status, message] = /^(\d+) (.*)\n/.exec(text) ?? [];
  if (status === undefined) return ended; // it died without a word
  if (message) process.stderr.write(`${message}\n`);
  child.unref();
  return Number(status);
}

/** In the process that runs on: tells the waiting one, once; without effect when there is none. */
export function reportStart(status: number, message = ""): void {
  if (process.env[daemonVariable] === undefined) return;
  const fd = Number(process.env[daemonVariable]);
  delete process.env[daemonVariable];
  try {
    writeSync(fd, `${status} ${message.replace(/[\r\n]/g, " ")}\n`);
    closeSync(fd);
  } catch {
    // Nobody waits any more; the log says the same.
  }
}

export function isBackgroundProcess(): boolean {
  return process.env[daemonVariable] !== undefined;
}

/** Where a daemon works: `cores` below configdirectory if it exists, for core files. */
export function changeDirectory(configDirectory: string): void {
  const cores = join(configDirectory, "cores");
  process.chdir(existsSync(cores) ? cores : configDirectory);
}
