/** cyr_buildinfo: what this server can do, as JSON. */
import { buildInfo, type BuildInfoFormat, buildInfoFormats, formatBuildInfo } from "../config/build-info.ts";
import { FlagError, getopt } from "../config/getopt.ts";
import { hasProgram } from "./support/has-program.ts";

const usage = `usage: cyr_buildinfo [-C imapd.conf] [format]

  pretty   JSON over many lines (the default)
  dense    JSON on one line
  flat     a line GROUP.NAME=VALUE for each

-C is accepted and not used.`;

function main(): void {
  let words: readonly string[];
  try {
    ({ words } = getopt(process.argv.slice(2), "C:"));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    return fail(`cyr_buildinfo: ${error.message}\n${usage}`);
  }
  const [given = "pretty"] = words;
  const format = buildInfoFormats.find((name): name is BuildInfoFormat => name === given);
  if (format === undefined) return fail(usage);
  console.log(formatBuildInfo(buildInfo(hasProgram), format));
}

function fail(text: string): void {
  console.error(text);
  process.exitCode = 255;
}

main();
