/**
 * Runs one kind of test with Node's own runner and a time budget for the whole kind.
 *   unit     *.test.ts under src/ and test/{unit,wire,simulation,robustness}/: needs no system package
 *   interop  *.test.ts under test/interop/: real clients and peers from Debian packages
 *   crash    *.test.ts under test/crash/: the long simulation and kill runs
 * Further arguments are file name parts: only files that contain one of them run.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";

interface Kind {
  readonly globs: readonly string[];
  /** Whole run, in seconds; a run that needs longer is ended and fails. */
  readonly budgetSeconds: number;
  readonly concurrency: number;
}

const kinds: Readonly<Record<string, Kind>> = {
  unit: {
    globs: ["src/**/*.test.ts", "test/{unit,wire,simulation,robustness}/**/*.test.ts"],
    budgetSeconds: 300,
    concurrency: availableParallelism(),
  },
  interop: { globs: ["test/interop/**/*.test.ts"], budgetSeconds: 1_500, concurrency: 1 },
  crash: { globs: ["test/crash/**/*.test.ts"], budgetSeconds: 3_600, concurrency: 1 },
};

const [kindName = "unit", ...parts] = process.argv.slice(2);
const kind = kinds[kindName];
if (!kind) {
  console.error(`unknown kind of test "${kindName}"; one of ${Object.keys(kinds).join(", ")}`);
  process.exit(64);
}
const root = resolve(import.meta.dirname, "..");
const all = kind.globs.flatMap((glob) => globSync(glob, { cwd: root })).sort();
const files = parts.length === 0 ? all : all.filter((file) => parts.some((part) => file.includes(part)));
if (files.length === 0) {
  console.error(`no test file matches ${parts.join(" ") || kind.globs.join(" ")}`);
  process.exit(1);
}
const args = ["--test", `--test-concurrency=${kind.concurrency}`, ...files];
const { status, signal, error } = spawnSync(process.execPath, args, {
  cwd: root,
  stdio: "inherit",
  timeout: kind.budgetSeconds * 1000,
  killSignal: "SIGTERM",
  env: { ...process.env, NODE_COMPILE_CACHE: resolve(root, ".cache/compile") },
});
if (error && "code" in error && error.code === "ETIMEDOUT") {
  console.error(`${kindName} tests took longer than ${kind.budgetSeconds} s and were ended`);
} else if (signal || error) console.error(`${kindName} tests were ended: ${error?.message ?? signal}`);
process.exitCode = status ?? 1;
