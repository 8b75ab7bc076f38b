/** cyr_info: the configuration as the server understands it, its faults, open sessions, the version. */
import { writeSync } from "node:fs";
import { runInfo } from "../config/command-info.ts";

function main(): void {
  const { out, err, exitCode } = runInfo(process.argv.slice(2), process.env);
  for (const line of err) console.error(line);
  if (out.length > 0) writeAll(`${out.join("\n")}\n`);
  process.exitCode = exitCode;
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

main();
