/** Programs of other people, from Debian packages. */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";

const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin", "/bin"];

/**
 * Path of a program. Where it is missing the test is skipped, with the package's name; with CI set it fails.
 * @returns undefined when the test must return
 */
export function requirePeer(t: TestContext, program: string, debianPackage = program): string | undefined {
  for (const folder of folders) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue; // not in this folder
    }
  }
  const text = `${program} is not on this machine: apt-get install ${debianPackage}`;
  if (process.env["CI"]) throw new Error(text);
  t.skip(text);
  return undefined;
}

export interface PeerRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a client to its end; the calling process goes on meanwhile. */
export function runPeer(
  program: string,
  args: readonly string[],
  options: { readonly input?: string | Buffer; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<PeerRun> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, NODE_OPTIONS: "", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => (stdout += piece.toString("latin1")));
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString("latin1")));
  child.stdin.on("error", () => child.stdin.destroy()); // a client that does not read its input says so by its status
  child.stdin.end(options.input ?? "");
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", (status) => done({ status, stdout, stderr }));
  });
}

/** Runs a client that must succeed. @throws with all it said */
export async function runPeerWell(...args: Parameters<typeof runPeer>): Promise<PeerRun> {
  const run = await runPeer(...args);
  if (run.status !== 0)
    throw new Error(`${args[0]} ${args[1].join(" ")} ended with ${run.status}\n${run.stdout}\n${run.stderr}`);
  return run;
}

/** First line of what `PROGRAM --version` says, for the test's diagnostics. */
export function versionOf(program: string, flag = "--version"): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: "utf8", timeout: 10_000 });
  return `${stdout}${stderr}`.trim().split("\n", 1)[0] ?? "";
}
