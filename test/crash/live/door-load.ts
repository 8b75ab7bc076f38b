/** Load through the Mail door, as workers make it: every request gets its answer, and is done once. */
import { createHash } from "node:crypto";
import { Mail, takeIn } from "../../../src/ops/index.ts";
import { Random } from "../../simulation/random.ts";
import type { Ledger } from "./ledger.ts";
import type { Site, User } from "./site.ts";

export interface Asked {
  readonly uniqueId: string;
  readonly digest: string;
}

export class DoorLoad {
  /** Everything that was asked for, with the mailbox it was for. */
  readonly asked: Asked[] = [];
  readonly problems: string[] = [];
  longestMs = 0;
  private readonly mail: Mail;
  private readonly site: Site;
  private readonly ledger: Ledger;
  private readonly random: Random;
  private stopped = false;
  private lanes: Promise<unknown> = Promise.resolve();
  private last = 0;

  constructor(site: Site, ledger: Ledger, seed: number) {
    this.site = site;
    this.ledger = ledger;
    this.random = new Random(seed);
    this.mail = new Mail(site.config);
  }
  start(lanes: number): void {
    this.lanes = Promise.all(Array.from({ length: lanes }, () => this.lane()));
  }
  async stop(): Promise<void> {
    this.stopped = true;
    await this.lanes;
    await this.mail.close();
  }

  private async lane(): Promise<void> {
    while (!this.stopped) {
      const start = performance.now();
      try {
        if (this.random.chance(0.3)) await this.deliver();
        else await this.append();
      } catch (error) {
        this.problems.push(`a request got no answer: ${String(error)}`);
        return;
      }
      this.longestMs = Math.max(this.longestMs, performance.now() - start);
    }
  }
  private message(): Buffer {
    const size = this.random.chance(0.02) ? 60_000 : this.random.between(300, 4000);
    const head = `From: a@example.org\r\nSubject: door ${++this.last}\r\nMessage-ID: <door-${this.last}@example.org>\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), Buffer.alloc(size, "door load \r\n")]);
  }
  private async append(): Promise<void> {
    const user = this.random.pick(this.site.users);
    const octets = this.message();
    const digest = sha1(octets);
    const { args, attachments } = takeIn(octets, now());
    const flagged = this.random.chance(0.5);
    this.asked.push({ uniqueId: user.uniqueId, digest });
    const message = { ...args, flags: { system: flagged ? 2 : 0, user: [] } };
    const { uids } = await this.mail
      .as(user.caller)
      .ask("messages.append", { box: user.uniqueId as never, messages: [message] }, attachments);
    const entry = { uniqueId: user.uniqueId, uid: uids.first, digest };
    this.ledger.acknowledged.push(entry);
    if (this.random.chance(0.3)) await this.flag(user, entry);
  }
  private async flag(user: User, entry: { uid: number; flags?: string | undefined }): Promise<void> {
    const { uid } = entry;
    await this.mail.as(user.caller).ask("messages.store-flags", {
      box: user.uniqueId as never,
      uids: [{ first: uid, last: uid }],
      mode: "replace",
      flags: { system: 0, user: ["$Kept"] },
    });
    entry.flags = "$Kept";
  }
  private async deliver(): Promise<void> {
    const users = this.random.shuffle([...this.site.users]).slice(0, 3);
    const octets = this.message();
    const digest = sha1(octets);
    const { args, attachments } = takeIn(octets, now());
    for (const { uniqueId } of users) this.asked.push({ uniqueId, digest });
    const targets = users.map(({ uniqueId }) => ({
      box: uniqueId as never,
      flags: { system: 0, user: [] },
      quota: "strict" as const,
      needsPost: false,
    }));
    const delivered = await this.mail
      .as(users[0]!.caller)
      .ask("messages.deliver", { message: args, targets }, attachments);
    for (const [i, one] of delivered.entries()) {
      if ("uid" in one) this.ledger.acknowledged.push({ uniqueId: users[i]!.uniqueId, uid: one.uid, digest });
      else this.problems.push(`a delivery was refused: ${one.refused}`);
    }
  }
}

function sha1(octets: Uint8Array): string {
  return createHash("sha1").update(octets).digest("hex");
}
function now(): { seconds: number; nanos: number } {
  return { seconds: Math.floor(Date.now() / 1000), nanos: 0 };
}
