/** cyr_imapd's inside in this process, on a loopback port. Start two on one store for sessions of different workers. */
import { type AddressInfo, createServer } from "node:net";
import { Mail } from "../../src/ops/index.ts";
import { prepareImap } from "../../src/protocols/imap/index.ts";
import { parseServiceOptions, startWorker } from "../../src/server/worker/index.ts";
import type { WorkerOptions } from "../../src/server/worker/index.ts";
import type { MailStore } from "./mail-store.ts";

export interface ImapServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startImapServer(
  store: MailStore,
  flags: readonly string[] = [],
  overrides: Partial<WorkerOptions> = {},
): Promise<ImapServer> {
  const { config, log } = store;
  const mail = new Mail(config);
  const program = {
    program: "cyr_imapd",
    ownFlags: "sp:Nq",
    prepare: (context: Parameters<typeof prepareImap>[0]) => prepareImap(context, mail),
  };
  const { worker, close } = await startWorker({
    program,
    service: "imap",
    config,
    log,
    options: parseServiceOptions(flags, program.ownFlags),
    overrides: { loginTimeoutMs: 60_000, ...overrides },
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => worker.accept(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close();
      await worker.terminate();
      await close();
    },
  };
}
