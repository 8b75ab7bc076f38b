/**
 * How many syncs a server asks the kernel for: `strace -f -c` on all its processes while the work runs.
 * Never in the same run as the timing: strace slows a server down severalfold.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Writes to descriptors opened with O_DSYNC or O_SYNC are not among them; no server here uses those. */
const syncCalls = ["fsync", "fdatasync", "syncfs", "sync", "sync_file_range", "msync"];
const attachTimeoutMs = 20_000;

export function hasStrace(): boolean {
  return spawnSync("strace", ["-V"], { stdio: "ignore" }).status === 0;
}

/** Calls by name, from strace's summary table. */
export function parseSummary(text: string): Map<string, number> {
  const calls = new Map<string, number>();
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    const name = fields.at(-1) ?? "";
    if (syncCalls.includes(name)) calls.set(name, Number(fields[3]));
  }
  return calls;
}

/**
 * Attaches to `pids` and to every process that they start from now on.
 * @returns a function that detaches and tells the calls made meanwhile
 */
export async function countSyncs(pids: readonly number[]): Promise<() => Promise<Map<string, number>>> {
  const dir = mkdtempSync(join(tmpdir(), "pasargad-strace-"));
  const summary = join(dir, "summary");
  const targets = pids.flatMap((pid) => ["-p", String(pid)]);
  const args = ["-f", "-c", "-o", summary, "-e", `trace=${syncCalls.join(",")}`, ...targets];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  let attached = 0;
  let output = "";
  strace.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    attached = output.match(/ attached/g)?.length ?? 0;
  });
  const until = Date.now() + attachTimeoutMs;
  // A process may end before its turn; the ones that can be attached are there within moments of each other.
  while (attached < pids.length && Date.now() < until && !/No such process/.test(output)) await sleep(20);
  await sleep(100);
  if (strace.exitCode !== null) throw new Error(`strace ended: ${output.slice(0, 500)}`);
  return async () => {
    const ended = once(strace, "exit");
    strace.kill("SIGINT");
    await ended;
    const calls = parseSummary(readFileSync(summary, "utf8"));
    rmSync(dir, { recursive: true });
    return calls;
  };
}
