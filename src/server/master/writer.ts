/** cyr_stored, the one writer of the store: started before everything else, stopped after everything else. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ProgramPlaces } from "./commands.ts";
import { FatalError } from "./fatal.ts";
import { LongRunning, type LongRunningHost } from "./long-running.ts";
import { Backoff } from "./pace.ts";

const program = "cyr_stored";
/** A writer that cannot start may be waiting for the last one's lock, or for a slow disk; a wrong configuration stays wrong. */
const attempts = 3;
/** Workers wait for the writer for some seconds before they refuse what clients ask. */
const longestWaitMs = 2_000;
const retryMs = 500;
/** sysexits that another try does not change: usage, configuration. */
const hopeless: ReadonlySet<number> = new Set([64, 78]);

/**
 * Starts the writer and waits until it has recovered the store.
 * @param onMade is given the writer before it starts; false: master is ending, do not go on
 * @throws FatalError when it does not come up
 */
export async function startWriter(
  places: ProgramPlaces,
  imapdConf: string | undefined,
  host: LongRunningHost,
  onMade: (writer: LongRunning) => boolean,
): Promise<void> {
  const file = join(places.directory, program + places.extension);
  if (!existsSync(file)) {
    host.log.warning(`${program} is not part of this version: nothing will write to the store`);
    return;
  }
  const args = imapdConf === undefined ? [] : ["-C", imapdConf];
  for (let attempt = 1; ; attempt++) {
    const writer = new LongRunning(
      {
        kind: "DAEMON",
        name: "stored",
        command: { kind: "ours", program, file, args },
        channel: true,
        env: { PASARGAD_READY_FD: "3", CYRUS_ISDAEMON: "1" },
      },
      "stored/daemon",
      0,
      host,
      new Backoff({ maxMs: longestWaitMs }),
    );
    if (!onMade(writer)) return;
    const failure = await writer.startAndWait();
    if (failure === undefined) return;
    await writer.stop(retryMs);
    const status = failure === "wrong word" ? 71 : failure.status;
    if (attempt === attempts || hopeless.has(status)) {
      throw new FatalError(`${program} did not start, its log lines say why`, status === 78 ? 78 : 1);
    }
    host.log.warning(`${program} did not start, trying again`);
    await delay(retryMs * attempt);
  }
}
