/** An MTA that delivers over LMTP, and tries again what it got no 250 for, as MTAs do. */
import { setTimeout as delay } from "node:timers/promises";
import { WireClient } from "../../support/wire-client.ts";
import type { Site, User } from "./site.ts";

export interface Delivered {
  readonly token: string;
  readonly user: User;
  /** Asked more than once: the first asking may have been done, and the server died before it could say or note so. */
  readonly again: boolean;
}

interface Waiting {
  readonly token: string;
  users: User[];
  tries: number;
}

export class LmtpLoad {
  readonly delivered: Delivered[] = [];
  interruptions = 0;
  private readonly site: Site;
  private stopped = false;
  private clients: Promise<unknown> = Promise.resolve();
  private last = 0;

  constructor(site: Site) {
    this.site = site;
  }
  start(clients: number): void {
    this.clients = Promise.all(Array.from({ length: clients }, () => this.client()));
  }
  async stop(): Promise<void> {
    this.stopped = true;
    await this.clients;
  }

  private async client(): Promise<void> {
    let waiting: Waiting | undefined;
    while (!this.stopped || waiting) {
      const wire = new WireClient(this.site.lmtpPort);
      try {
        await reply(wire);
        wire.send("LHLO mta.example.org\r\n");
        await reply(wire);
        while (!this.stopped || waiting) {
          waiting ??= this.next();
          await this.deliver(wire, waiting);
          if (waiting.users.length === 0) waiting = undefined;
        }
      } catch {
        this.interruptions++;
        await delay(20);
      } finally {
        wire.socket.destroy();
      }
    }
  }
  private next(): Waiting {
    const number = ++this.last;
    const { users } = this.site;
    return {
      token: `token-${number}-end`,
      users: [users[number % users.length]!, users[(number + 1) % users.length]!],
      tries: 0,
    };
  }
  /** Takes those users off the list that have it. */
  private async deliver(wire: WireClient, waiting: Waiting): Promise<void> {
    const { token, users } = waiting;
    const again = waiting.tries++ > 0;
    wire.send("MAIL FROM:<a@example.org>\r\n");
    await reply(wire);
    for (const { name } of users) {
      wire.send(`RCPT TO:<${name}>\r\n`);
      await reply(wire);
    }
    wire.send("DATA\r\n");
    await reply(wire);
    const lines = "lmtp load\r\n".repeat(40);
    wire.send(`From: a@example.org\r\nMessage-ID: <${token}@example.org>\r\nSubject: ${token}\r\n\r\n${lines}.\r\n`);
    const refused: User[] = [];
    for (const user of users) {
      const line = await reply(wire).catch((error: unknown) => String(error));
      if (line.startsWith("250")) this.delivered.push({ token, user, again });
      else refused.push(user);
    }
    waiting.users = refused;
    if (refused.length > 0) throw new Error("not all took it");
  }
}

async function reply(wire: WireClient): Promise<string> {
  const text = await wire.until(/^\d{3} .*\r\n/m, 25_000);
  const line = /^\d{3} .*$/m.exec(text)![0];
  if (!/^[23]/.test(line)) throw new Error(line);
  return line;
}
