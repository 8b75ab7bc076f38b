/** IMAP clients that append and flag, and go on after their server has died under them. */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { WireClient } from "../../support/wire-client.ts";
import type { Acknowledged, Ledger } from "./ledger.ts";
import type { Site, User } from "./site.ts";

export class ImapLoad {
  readonly problems: string[] = [];
  acknowledged = 0;
  /** Connections that broke, or commands refused for the moment. */
  interruptions = 0;
  private readonly site: Site;
  private readonly ledger: Ledger;
  private stopped = false;
  private clients: Promise<unknown> = Promise.resolve();
  private last = 0;

  constructor(site: Site, ledger: Ledger) {
    this.site = site;
    this.ledger = ledger;
  }
  start(clients: number): void {
    const users = Array.from({ length: clients }, (_, i) => this.site.users[i % this.site.users.length]!);
    this.clients = Promise.all(users.map((user) => this.client(user)));
  }
  async stop(): Promise<void> {
    this.stopped = true;
    await this.clients;
  }

  private async client(user: User): Promise<void> {
    while (!this.stopped) {
      const wire = new WireClient(this.site.imapPort);
      try {
        await wire.until(/^\* OK .*\r\n/m);
        await command(wire, `LOGIN ${user.name} x`);
        await command(wire, "SELECT INBOX");
        while (!this.stopped) await this.work(wire, user);
      } catch {
        // Whatever had no answer is in doubt; a new connection goes on.
        this.interruptions++;
        await delay(20);
      } finally {
        wire.socket.destroy();
      }
    }
  }
  private async work(wire: WireClient, user: User): Promise<void> {
    const number = ++this.last;
    const head = `From: a@example.org\r\nSubject: imap ${number}\r\nMessage-ID: <imap-${number}@example.org>\r\n\r\n`;
    const octets = Buffer.concat([Buffer.from(head), Buffer.alloc(200 + (number % 30) * 100, "imap load \r\n")]);
    const answer = await command(wire, `APPEND INBOX (\\Flagged) {${octets.length}+}`, octets);
    const uid = /APPENDUID \d+ (\d+)/.exec(answer)?.[1];
    if (uid === undefined) {
      this.problems.push(`APPEND answered ${answer}`);
      return;
    }
    const digest = createHash("sha1").update(octets).digest("hex");
    const entry: Acknowledged = { uniqueId: user.uniqueId, uid: Number(uid), digest, flags: "\\Flagged" };
    this.ledger.acknowledged.push(entry);
    this.acknowledged++;
    if (number % 3 !== 0) return;
    // In doubt until it is answered.
    entry.flags = undefined;
    await command(wire, `UID STORE ${uid} FLAGS.SILENT (\\Answered $Imap)`);
    entry.flags = "$Imap \\Answered";
  }
}

let tag = 0;
/** Sends a command and takes its answer. @throws when it is refused or the connection ends */
async function command(wire: WireClient, text: string, literal?: Buffer): Promise<string> {
  const name = `t${++tag}`;
  wire.send(`${name} ${text}\r\n`);
  if (literal) {
    wire.send(literal);
    wire.send("\r\n");
  }
  const answer = await wire.until(new RegExp(`^${name} (OK|NO|BAD).*\\r\\n`, "m"), 25_000);
  if (!new RegExp(`^${name} OK`, "m").test(answer)) throw new Error(answer);
  return answer;
}
