/** Writes doc/options.md from the table of options in src/config/options/. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { optionsDocument } from "../src/config/options/document.ts";

writeFileSync(resolve(import.meta.dirname, "../doc/options.md"), optionsDocument());
