import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { recordTarget, scannerTarget, valuesTarget } from "./mime.fuzz.ts";

for (const target of [scannerTarget, valuesTarget, recordTarget]) {
  test(`fuzz ${target.name}`, () => {
    fuzz(target, { seed: 1, iterations: 1_500 });
  });
}
