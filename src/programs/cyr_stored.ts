/** cyr_stored: the one writer of the store. Started by cyr_master before everything else; takes verbs over a Unix socket. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Log } from "../base/log.ts";
import { requireMailStore, type Config } from "../config/index.ts";
import { type AuditNote, writerOptions, writerSocketPath } from "../ops/index.ts";
import { tellReady } from "../server/master/tell-ready.ts";
import { exitCode, startProgram } from "../server/program/start-program.ts";
import { type Changes, StoreWriter, WriterRunning, WriterServer } from "../store/index.ts";

const name = "stored";

function options(): { configFile: string | undefined } {
  try {
    const { values } = parseArgs({ options: { config: { type: "string", short: "C" } } });
    return { configFile: values.config };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\nusage: cyr_stored [-C config-file]`);
    process.exit(exitCode.usage);
  }
}

async function main(): Promise<void> {
  const { config, log } = startProgram(name, options().configFile);
  requireMailStore(config);
  let published: (changes: Changes) => void = () => {};
  const writer = openStore(config, log, (changes) => {
    if (config.auditlog) writeAuditLines(log, changes.notes as readonly AuditNote[]);
    published(changes);
  });
  const server = new WriterServer(
    {
      submit: (request) => writer.submit(request),
      storedAnswer: (client, id) => writer.storedAnswer(client, id),
      takeOver: (client, id, answer) => writer.takeOver(client, id, answer),
      forgetClient: (client) => writer.forgetClient(client),
      settle: () => writer.settle(),
      status: () => ({
        pid: process.pid,
        recovery: writer.recovery,
        ...writer.engine.counts,
        memory: process.memoryUsage().rss,
      }),
    },
    log,
    config.mboxname_lockpath ?? join(config.configdirectory, "lock"),
  );
  published = (changes) => server.publish(changes);
  await server.listen(writerSocketPath(config));
  const { pending, lost, intents } = writer.recovery;
  if (pending + intents + lost > 0) log.notice("store recovered", { pending, lost, intents });
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    await server.close();
    await writer.close();
    process.exit(exitCode.ok);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) process.on(signal, () => void end());
  // Without master nobody would end us, and the next master's writer could not have the lock.
  tellReady(() => void end());
  // The writer reads its configuration once: a SIGHUP to the whole group is not for it.
  process.on("SIGHUP", () => log.debug("SIGHUP ignored"));
}

function openStore(
  config: Config,
  log: Log,
  published: Parameters<typeof StoreWriter.open>[0]["published"],
): StoreWriter {
  try {
    return StoreWriter.open({
      ...writerOptions(config, log, name),
      threads: true,
      published,
      // Its next start moves the log into the database and recovers; until then workers wait and ask again.
      fatal: (error) => {
        log.err("the store cannot be written any more, ending", { error: String(error) });
        setImmediate(() => process.exit(exitCode.tempFail));
      },
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.err(`cannot open the store: ${text}`);
    console.error(`fatal error: cannot open the store: ${text}`);
    process.exit(error instanceof WriterRunning ? exitCode.tempFail : exitCode.osErr);
  }
}

function writeAuditLines(log: Log, notes: readonly AuditNote[]): void {
  for (const { audit, fields, sessionId } of notes)
    log.notice(`auditlog: ${audit}`, { sessionid: sessionId, ...fields });
}

await main();
