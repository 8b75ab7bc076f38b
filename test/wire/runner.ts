/** Plays transcripts against two workers on one store. */
import assert from "node:assert/strict";
import type { MboxName, UserId } from "../../src/formats/ids.ts";
import { MailError, namesOfUserBits, type Mail, systemFlagBit, systemFlagNames, takeIn } from "../../src/ops/index.ts";
import { type ImapServer, startImapServer } from "../support/imap-server.ts";
import { admin, type MailStore, startMailStore } from "../support/mail-store.ts";
import { ImapClient } from "../support/wire-client.ts";
import { type Case, type Mailbox, matchLine, type Step, type Transcript } from "./transcript.ts";

const users = ["alice", "bob", "carol"];
/** How long a line may take. */
const LINE_TIMEOUT_MS = 5_000;

/** Two workers on a store with the file's configuration. */
export class Stage {
  readonly store: MailStore;
  readonly servers: readonly [ImapServer, ImapServer];

  private constructor(store: MailStore, servers: readonly [ImapServer, ImapServer]) {
    this.store = store;
    this.servers = servers;
  }

  static async open({ config }: Transcript): Promise<Stage> {
    const store = await startMailStore({ imapdConf: config });
    return new Stage(store, [await startImapServer(store), await startImapServer(store)]);
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.store.stop();
  }

  async play(one: Case): Promise<void> {
    const run = new CaseRun(this);
    await run.prepare();
    try {
      for (const step of one.steps) await run.step(step);
    } finally {
      run.end();
    }
  }
}

class CaseRun {
  readonly #stage: Stage;
  readonly #users = new Map<string, string>();
  readonly #clients = new Map<string, ImapClient>();
  readonly #names = new Map<string, string>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Everything there was is removed, and the users made anew. */
  async prepare(): Promise<void> {
    const { mail } = this.#stage.store;
    const all = mail
      .view((snapshot) => snapshot.entries("", "\u{10ffff}", 10_000))
      .filter(({ type }) => !type.includes("d", 1));
    const isTop = (name: string): boolean => !name.startsWith("user.") || name.split(".").length === 2;
    // Children before parents, users as a whole.
    const tops = all.filter(({ name }) => isTop(name)).toReversed();
    for (const { name, acl } of tops) {
      if (!acl.includes("cyrus\t"))
        await mail.as(admin).ask("acl.set", { name, identifier: "cyrus", change: "add", rights: "lxk" });
      await mail.as(admin).ask("mailboxes.delete", { name, local: true }).catch(ignoreGone);
    }
    await this.#stage.store.create(...users.map((user) => `user.${user}`));
  }

  end(): void {
    for (const client of this.#clients.values()) client.end();
  }

  async step(step: Step): Promise<void> {
    try {
      switch (step.kind) {
        case "is":
          this.#users.set(step.session, step.user);
          break;
        case "given":
          await this.#given(step.mailbox);
          break;
        case "then":
          this.#then(step.mailbox);
          break;
        case "send":
          await this.#send(step);
      }
    } catch (error) {
      throw new Error(`line ${step.line}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #send({ session, text, expected }: Extract<Step, { kind: "send" }>): Promise<void> {
    const client = await this.#client(session);
    if (text !== "") client.send(`${this.#filled(text)}\r\n`);
    const tag = /^(\S+) /.exec(text)?.[1] ?? "";
    if (expected.length === 0) {
      if (text === "") return;
      const answer = await client.until(new RegExp(`(^|\n)${tag} [^\n]*\n`), LINE_TIMEOUT_MS);
      assert.match(answer, new RegExp(`(^|\n)${tag} OK`), answer);
      return;
    }
    for (let i = 0; i < expected.length; i++) {
      const wanted = expected[i] === "(empty)" ? "" : expected[i]!;
      if (wanted === "...") {
        const next = expected[i + 1];
        if (next === undefined) return;
        for (;;) {
          const line = await this.#line(client);
          if (matchLine(next, line, this.#names)) break;
          assert.ok(!line.startsWith(`${tag} `) || tag === "", `"${next}" did not come before: ${line}`);
        }
        i++;
      } else {
        const line = await this.#line(client);
        assert.ok(matchLine(wanted, line, this.#names), `expected: ${this.#filled(wanted)}\n     got: ${line}`);
      }
    }
  }

  async #line(client: ImapClient): Promise<string> {
    return (await client.until(/^[^\n]*\n/, LINE_TIMEOUT_MS)).slice(0, -1);
  }

  #filled(text: string): string {
    return text.replaceAll(/\$([a-z]\w*)/g, (whole, name: string) => this.#names.get(name) ?? whole);
  }

  async #client(session: string): Promise<ImapClient> {
    let client = this.#clients.get(session);
    if (client === undefined) {
      const { port } = this.#stage.servers[(session.charCodeAt(0) - 65) & 1]!;
      const user = this.#users.get(session) ?? "alice";
      client = user === "nobody" ? await ImapClient.open(port) : await ImapClient.login(port, user);
      this.#clients.set(session, client);
    }
    return client;
  }

  /** `INBOX` and `Archive` are alice's; names with a dot are internal names already. */
  #internal(name: string): MboxName {
    if (name === "INBOX") return "user.alice" as MboxName;
    return (name.includes(".") ? name : `user.alice.${name}`) as MboxName;
  }

  async #given({ name: text, messages, flags, acl }: Mailbox): Promise<void> {
    const { mail } = this.#stage.store;
    const name = this.#internal(text);
    if (mail.view((snapshot) => snapshot.entry(name)) === undefined) await this.#stage.store.create(name);
    const owner = name.startsWith("user.") ? name.split(".")[1]! : "cyrus";
    const uniqueId = mail.view((snapshot) => snapshot.entry(name)!.uniqueId);
    if (owner === "cyrus")
      await mail.as(admin).ask("acl.set", { name, identifier: "cyrus", change: "add", rights: "lrswipkxte" });
    const as = mail.as({ ...admin, userId: owner as UserId });
    for (let n = 1; n <= (messages ?? 0); n++) {
      const octets = Buffer.from(
        `From: sender${n}@example.com\r\nTo: alice@example.com\r\nSubject: message ${n}\r\nDate: Thu, ${9 + n} Feb 2022 08:00:00 +0000\r\nMessage-ID: <m${n}@example.com>\r\n\r\nThis is message ${n}.\r\n`,
      );
      const { args, attachments } = takeIn(octets, { seconds: 1_700_000_000 + n, nanos: 0 });
      await as.ask(
        "messages.append",
        { box: uniqueId, messages: [{ ...args, flags: flagArgs(flags.get(n) ?? []) }] },
        attachments,
      );
    }
    for (const [identifier, rights] of acl)
      await mail.as(admin).ask("acl.set", { name, identifier, change: "replace", rights });
  }

  #then({ name: text, messages, flags }: Mailbox): void {
    const { mail } = this.#stage.store;
    const name = this.#internal(this.#filled(text));
    const state = stateOf(mail, name);
    if (messages !== undefined) assert.equal(state.length, messages, `messages in ${text}`);
    for (const [n, wanted] of flags)
      assert.deepEqual(state[n - 1]?.toSorted(), [...wanted].toSorted(), `flags of ${n} in ${text}`);
  }
}

function flagArgs(names: readonly string[]): { system: number; user: string[] } {
  let system = 0;
  const user: string[] = [];
  for (const name of names) {
    const bit = systemFlagBit(name);
    if (bit === undefined) user.push(name);
    else system |= bit;
  }
  return { system, user };
}

/** Flags of each message, in order. */
function stateOf(mail: Mail, name: MboxName): string[][] {
  return mail.view((snapshot) => {
    const entry = snapshot.entry(name);
    const header = entry?.mbox === undefined ? undefined : snapshot.header(entry.mbox);
    if (header === undefined) throw new Error(`${name} does not exist`);
    const rows: string[][] = [];
    for (const block of snapshot.hotBlocks(header.mbox, { first: 1, last: Math.max(1, header.lastUid) }, 1_000)) {
      for (let i = 0; i < block.count; i++) {
        const row = block.row(i);
        if (row.flags & 256) continue;
        rows.push([
          ...systemFlagNames.filter(([bit]) => row.flags & bit).map(([, flag]) => flag),
          ...namesOfUserBits(header.flagNames, row.user),
        ]);
      }
    }
    return rows;
  });
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof MailError) || error.code !== "mailboxNonexistent") throw error;
}
