/** npm run check: types, lint, format, layers. Runs all of them, also after a failure; exits 1 when any failed. */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const steps: readonly (readonly [string, readonly string[]])[] = [
  ["types", [bin("tsc"), "--noEmit"]],
  ["lint", [bin("oxlint"), "--deny-warnings", "--quiet", "src", "test", "bench", "scripts"]],
  ["format", [bin("biome"), "format", "."]],
  ["layers", [process.execPath, join(root, "scripts/check-layers.ts")]],
];

let failed = false;
for (const [name, [command, ...args]] of steps) {
  const { status } = spawnSync(command!, args, { cwd: root, stdio: "inherit" });
  console.log(`check ${name}: ${status === 0 ? "ok" : "FAILED"}`);
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
