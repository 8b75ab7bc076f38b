import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { mailboxNames, recipients } from "./names.fuzz.ts";

for (const target of [mailboxNames, recipients]) {
  test(`fuzz ${target.name}`, () => {
    fuzz(target, { seed: 7 });
  });
}
