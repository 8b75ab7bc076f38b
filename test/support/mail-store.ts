/** A store with its writers in this process, in a throw-away directory, for tests of protocols and programs. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "../../src/base/log.ts";
import { type Config, parseImapdConf } from "../../src/config/index.ts";
import type { MboxName, UserId } from "../../src/formats/ids.ts";
import { type Caller, Mail, writerOptions, writerSocketPath } from "../../src/ops/index.ts";
import { type Changes, StoreWriter, WriterServer } from "../../src/store/index.ts";
import { shardLines } from "./shards.ts";

export interface MailStoreOptions {
  /** Further lines of imapd.conf. */
  readonly imapdConf?: string;
  readonly log?: Log;
}

export interface MailStore {
  readonly config: Config;
  readonly directory: string;
  readonly log: Log;
  /** One process's access; `newMail` makes further ones, each with its own connection to the writer, as other workers have. */
  readonly mail: Mail;
  newMail(): Mail;
  /** Makes INBOXes, and other mailboxes by their internal names. */
  create(...names: readonly string[]): Promise<void>;
  /** Everything is closed and the directory removed. */
  stop(): Promise<void>;
}

export const admin: Caller = { userId: "cyrus" as UserId, groups: [], isAdmin: true, sessionId: "test" };

export async function startMailStore({ imapdConf = "", log = silentLog }: MailStoreOptions = {}): Promise<MailStore> {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-mail-"));
  for (const name of ["conf", "spool", "conf/proc", "conf/msg"]) mkdirSync(join(directory, name), { mode: 0o700 });
  const text = `configdirectory: ${directory}/conf
partition-default: ${directory}/spool
defaultpartition: default
servername: mail.example.com
admins: cyrus
${imapdConf.includes("allowplaintext:") ? "" : "allowplaintext: yes"}
sasl_pwcheck_method: alwaystrue
${imapdConf.includes("failedloginpause:") ? "" : "failedloginpause: 0"}
${shardLines(imapdConf)}
`;
  const config = parseImapdConf(text, { file: "imapd.conf" });
  const writers: ShardWriter[] = [];
  for (let shard = 0; shard < config.store_shards; shard++) writers.push(await startWriter(config, log, shard));
  const mails: Mail[] = [];
  const newMail = (): Mail => {
    const mail = new Mail(config);
    mails.push(mail);
    return mail;
  };
  const mail = newMail();
  return {
    config,
    directory,
    log,
    mail,
    newMail,
    async create(...names) {
      for (const name of names) await mail.as(admin).ask("mailboxes.create", { name: name as MboxName });
    },
    async stop() {
      for (const each of mails) each.close();
      for (const writer of writers) await writer.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface ShardWriter {
  close(): Promise<void>;
}

/** What cyr_stored is for a shard. */
async function startWriter(config: Config, log: Log, shard: number): Promise<ShardWriter> {
  let published: (changes: Changes) => void = () => {};
  const writer = StoreWriter.open({
    ...writerOptions(config, log, "test", shard),
    threads: true,
    published: (changes) => published(changes),
  });
  const server = new WriterServer(
    {
      submit: (request) => writer.submit(request),
      storedAnswer: (client, id) => writer.storedAnswer(client, id),
      forgetClient: (client) => writer.forgetClient(client),
      settle: () => writer.settle(),
      takeOver: (client, id, answer) => writer.takeOver(client, id, answer),
      status: () => ({}),
    },
    log,
  );
  published = (changes) => server.publish(changes);
  await server.listen(writerSocketPath(config, shard));
  return {
    async close() {
      await server.close();
      await writer.close();
    },
  };
}
