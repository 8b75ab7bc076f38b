import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { commands, listPatterns, sequenceSets } from "./imap.fuzz.ts";

for (const target of [commands, sequenceSets, listPatterns]) {
  test(`fuzz: ${target.name}`, () => {
    fuzz(target, { seed: 1, iterations: 2000 });
  });
}
