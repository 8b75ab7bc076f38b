import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { commands, messages } from "./lmtp.fuzz.ts";

for (const target of [commands, messages]) {
  test(`fuzz: ${target.name}`, () => {
    fuzz(target, { seed: 1, iterations: 1_000 });
  });
}
