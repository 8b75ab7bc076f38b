/** cyr_stored: the one writer of a shard of the store. Started by cyr_master before everything else; takes verbs over a Unix socket. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Log } from "../base/log.ts";
import { type Config, ConfigError, requireMailStore } from "../config/index.ts";
import { type AuditNote, Mail, startCourier, writerOptions, writerSocketPath } from "../ops/index.ts";
import { tellReady } from "../server/master/tell-ready.ts";
import { exitCode, startProgram } from "../server/program/start-program.ts";
import { type Changes, ShardsError, StoreWriter, WriterRunning, WriterServer } from "../store/index.ts";

const name = "stored";

const usage = "usage: cyr_stored [-C config-file] [-s shard]";

function usageError(text: string): never {
  console.error(`${text}\n${usage}`);
  process.exit(exitCode.usage);
}

function options(): { configFile: string | undefined; shard: number } {
  let values: { config?: string; shard?: string };
  try {
    const known = { config: { type: "string", short: "C" }, shard: { type: "string", short: "s" } } as const;
    ({ values } = parseArgs({ options: known }));
  } catch (error) {
    return usageError(error instanceof Error ? error.message : String(error));
  }
  const { config: configFile, shard = "0" } = values;
  if (!/^\d{1,2}$/.test(shard)) usageError(`"${shard}" is no number of a shard`);
  return { configFile, shard: Number(shard) };
}

async function main(): Promise<void> {
  const { configFile, shard } = options();
  const { config, log: ownLog } = startProgram(name, configFile);
  requireStore(config, ownLog);
  if (shard >= config.store_shards) usageError(`there is no shard ${shard}: store_shards is ${config.store_shards}`);
  const log = config.store_shards === 1 ? ownLog : withShard(ownLog, shard);
  let published: (changes: Changes) => void = () => {};
  const writer = openStore(config, shard, log, (changes) => {
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
        shard,
        recovery: writer.recovery,
        ...writer.engine.counts,
        memory: process.memoryUsage().rss,
      }),
    },
    log,
    config.mboxname_lockpath ?? join(config.configdirectory, "lock"),
  );
  published = (changes) => server.publish(changes);
  await server.listen(writerSocketPath(config, shard));
  const { pending, lost, intents } = writer.recovery;
  if (pending + intents + lost > 0) log.notice("store recovered", { pending, lost, intents });
  const courier = config.store_shards === 1 ? undefined : startCourierOf(config, shard, log);
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    courier?.();
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

/** Looks after what this shard has begun with others. Returns the function that ends it. */
function startCourierOf(config: Config, shard: number, log: Log): () => void {
  const mail = new Mail(config);
  const end = startCourier(mail, shard, log);
  return () => {
    end();
    mail.close().catch((error: unknown) => log.err("the store cannot be closed", { error: String(error) }));
  };
}

function requireStore(config: Config, log: Log): void {
  try {
    requireMailStore(config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log.err(`fatal error: ${error.message}`);
    console.error(`fatal error: ${error.message}`);
    process.exit(exitCode.config);
  }
}

/** Each line says which shard it is about. */
function withShard(log: Log, shard: number): Log {
  const tell =
    (level: keyof Log): Log[keyof Log] =>
    (message, fields) =>
      log[level](message, { shard, ...fields });
  return {
    err: tell("err"),
    warning: tell("warning"),
    notice: tell("notice"),
    info: tell("info"),
    debug: tell("debug"),
  };
}

function openStore(
  config: Config,
  shard: number,
  log: Log,
  published: Parameters<typeof StoreWriter.open>[0]["published"],
): StoreWriter {
  try {
    return StoreWriter.open({
      ...writerOptions(config, log, name, shard),
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
    const isConfig = error instanceof ShardsError;
    process.exit(isConfig ? exitCode.config : error instanceof WriterRunning ? exitCode.tempFail : exitCode.osErr);
  }
}

function writeAuditLines(log: Log, notes: readonly AuditNote[]): void {
  for (const { audit, fields, sessionId } of notes)
    log.notice(`auditlog: ${audit}`, { sessionid: sessionId, ...fields });
}

await main();
