/** doc/man has a page for each program, which names each flag that the program takes. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "../..");
const programs = globSync("src/programs/cyr_*.ts", { cwd: root })
  .map((file) => basename(file, ".ts"))
  .filter((name) => !name.endsWith(".test"));
/** Flags of every service program, from server/worker/service-options.ts. */
const ofServices = "CUTDXH";

/** Letters that the source hands to getopt, or to the frame of service programs. */
function flagsOf(program: string): string[] {
  if (program === "cyr_master") return [..."CMpLljdDvV"];
  if (program === "cyr_stored") return ["C", "s"];
  if (program === "cyr_info") return [..."CMns"];
  const source = readFileSync(join(root, `src/programs/${program}.ts`), "utf8");
  const [, spec] = /getopt\(process\.argv\.slice\(2\), "([^"]+)"\)/.exec(source) ?? [];
  const [, own] = /ownFlags: "([^"]+)"/.exec(source) ?? [];
  assert.ok(spec !== undefined || own !== undefined, program);
  return [...(spec ?? `${own}${ofServices}`).replaceAll(":", "")];
}

/** Old flags, and those that ask for help or the version as elsewhere. */
const untold: Readonly<Record<string, string>> = { cyr_expire: "h", cyr_saslpasswd2: "vV" };

for (const program of programs) {
  test(`${program}(8)`, () => {
    const page = readFileSync(join(root, `doc/man/${program}.8`), "utf8");
    assert.ok(page.startsWith(`.TH ${program.toUpperCase()} 8 `));
    for (const section of ["NAME", "SYNOPSIS", "EXIT STATUS", "SEE ALSO"])
      assert.match(page, new RegExp(`^\\.SH ${section}$`, "m"));
    const missing = flagsOf(program).filter(
      (flag) => !untold[program]?.includes(flag) && !new RegExp(`\\\\-[A-Za-z]*${flag}\\b|\\\\-${flag}`).test(page),
    );
    assert.deepEqual(missing, []);
    // What a page refers to is there; (5) are the formats that Cyrus documents.
    for (const [, name] of page.matchAll(/^\.BR (cyr_\w+) \(8\)/gm)) assert.ok(programs.includes(name!), name);
  });
}
