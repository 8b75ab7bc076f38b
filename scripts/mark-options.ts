/**
 * Brings src/config/options/states.ts in line with the sources: "done" for options that code outside src/config/ reads,
 * "notYet" for those that it does not. Options with a text are left alone, and named when the sources say otherwise.
 * doc/options.md follows. Reading an option is not yet obeying it: look at the list this prints before you commit it.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { optionStates } from "../src/config/options/states.ts";
import { namesReadInSources } from "../src/config/options/usage.ts";

const path = join(resolve(import.meta.dirname, ".."), "src/config/options/states.ts");
const read = namesReadInSources();
let text = readFileSync(path, "utf8");
for (const [name, state] of Object.entries(optionStates)) {
  const wanted = read.has(name) ? "done" : "notYet";
  const isPartly = typeof state === "object" && "partly" in state;
  if (state === wanted || (typeof state === "object" && isPartly === (wanted === "done"))) continue;
  if (isPartly) {
    console.log(`${name}: read nowhere, but states.ts says that it is obeyed in part: ${state.partly}`);
    continue;
  }
  if (typeof state === "object") {
    console.log(`${name}: read in src/${read.get(name)}, but states.ts says: ${state.noEffect}`);
    continue;
  }
  text = text.replace(`\n  ${name}: "${state}",`, `\n  ${name}: "${wanted}",`);
  console.log(`${name}: ${wanted}${read.has(name) ? ` (src/${read.get(name)})` : ""}`);
}
writeFileSync(path, text);
// In a process of its own, which sees the new states.
execFileSync(process.execPath, [join(import.meta.dirname, "generate-option-docs.ts")], { stdio: "inherit" });
