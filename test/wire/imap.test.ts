import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { Stage } from "./runner.ts";
import { parseTranscript } from "./transcript.ts";

// Transcripts show INTERNALDATE, which is in the server's zone.
process.env["TZ"] = "UTC";

const directory = join(import.meta.dirname, "imap");
/** Names of transcripts, with commas between. */
const wanted = process.env["WIRE"]?.split(",");

for (const file of readdirSync(directory).toSorted()) {
  if (!file.endsWith(".txt") || (wanted !== undefined && !wanted.includes(file.slice(0, -4)))) continue;
  const transcript = parseTranscript(readFileSync(join(directory, file), "utf8"));
  suite(file, () => {
    let stage: Stage;
    before(async () => {
      stage = await Stage.open(transcript);
    });
    after(() => stage.close());
    for (const one of transcript.cases) test(`${one.name} (${file}:${one.line})`, () => stage.play(one));
  });
}
