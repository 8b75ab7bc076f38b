/** Keeps the recording of a failing run, for replay.ts. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CutOptions } from "./power-cuts.ts";
import type { Recording } from "./record-run.ts";

/** Copies the log of a recording that began with an empty root, with what `replay` needs to know. */
export function keepRecording({ initial, log }: Recording, { seed, states, disk }: CutOptions): void {
  const directory = process.env["SIM_KEEP"];
  if (directory === undefined || initial.length > 1) return;
  mkdirSync(directory, { recursive: true });
  copyFileSync(log, join(directory, "log"));
  writeFileSync(
    join(directory, "run.json"),
    JSON.stringify({ rootIno: initial[0]!.ino, seed, states, mounts: disk?.mounts }),
  );
}
