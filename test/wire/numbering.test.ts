/**
 * Many sessions change one mailbox at random, on two workers. Each keeps the view that its untagged answers describe; no
 * number may ever mean another message than it did, and in the end every view is the mailbox (RFC 3501 §7.4.1, §5.5).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ImapServer, startImapServer } from "../support/imap-server.ts";
import { startMailStore } from "../support/mail-store.ts";
import { ImapClient } from "../support/wire-client.ts";
import { Random } from "../simulation/random.ts";

const SESSIONS = 6;
const ROUNDS = 120;
const seeds = (process.env["SEED"] ?? "1,2").split(",").map(Number);

/** What a client knows of a message. */
interface Known {
  uid: number | undefined;
  flags: string | undefined;
}

class Viewer {
  readonly name: string;
  readonly client: ImapClient;
  readonly view: Known[] = [];
  #next = 1;

  constructor(name: string, client: ImapClient) {
    this.name = name;
    this.client = client;
  }

  /** Sends a command, follows its answers, and returns the tagged line. @param keeps no number may shift meanwhile */
  async run(text: string, keeps = false): Promise<string> {
    const tag = `${this.name}${this.#next++}`;
    this.client.send(`${tag} ${text}\r\n`);
    return this.follow(tag, keeps);
  }

  get lastTag(): string {
    return `${this.name}${this.#next - 1}`;
  }

  async follow(tag: string, keeps = false): Promise<string> {
    for (;;) {
      const line = await this.client.until(/^[^\n]*\n/);
      const answer = line.trimEnd();
      if (answer.startsWith(`${tag} `)) return answer;
      if (answer.startsWith("+ ")) return answer;
      this.#untagged(answer, keeps);
    }
  }

  #untagged(line: string, keeps: boolean): void {
    const exists = /^\* (\d+) EXISTS$/.exec(line);
    if (exists !== null) {
      const count = Number(exists[1]);
      assert.ok(count >= this.view.length, `${this.name}: ${line}, but ${this.view.length} are known`);
      while (this.view.length < count) this.view.push({ uid: undefined, flags: undefined });
      return;
    }
    const expunged = /^\* (\d+) EXPUNGE$/.exec(line);
    if (expunged !== null) {
      assert.ok(!keeps, `${this.name}: ${line} while numbers must stay`);
      const n = Number(expunged[1]);
      assert.ok(n >= 1 && n <= this.view.length, `${this.name}: ${line} of ${this.view.length}`);
      this.view.splice(n - 1, 1);
      return;
    }
    const fetched = /^\* (\d+) FETCH \((?:FLAGS \(([^)]*)\))? ?(?:UID (\d+))?\)$/.exec(line);
    if (fetched !== null) {
      const known = this.view[Number(fetched[1]) - 1];
      assert.ok(known !== undefined, `${this.name}: ${line}, but ${this.view.length} are known`);
      if (fetched[2] !== undefined) known.flags = normal(fetched[2]);
      if (fetched[3] !== undefined) {
        const uid = Number(fetched[3]);
        assert.ok(known.uid === undefined || known.uid === uid, `${this.name}: ${line}, but it was uid ${known.uid}`);
        known.uid = uid;
      }
      return;
    }
    const found = /^\* SEARCH(.*)$/.exec(line);
    if (found !== null) {
      for (const number of found[1]!.trim().split(" ").filter(Boolean)) assert.ok(Number(number) >= 1);
      return;
    }
    assert.match(line, /^\* (?:\d+ RECENT|OK |FLAGS )/);
  }
}

function normal(flags: string): string {
  return flags
    .split(" ")
    .filter((flag) => flag !== "\\Recent" && flag !== "")
    .toSorted()
    .join(" ");
}

async function step(viewer: Viewer, random: Random): Promise<void> {
  const count = viewer.view.length;
  const n = count === 0 ? 1 : 1 + random.below(count);
  const range = random.below(3) === 0 ? `${n}:*` : String(n);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2: {
      const message = `Subject: ${random.below(1000)}\r\n\r\nbody\r\n`;
      assert.match(await viewer.run(`APPEND INBOX {${message.length}+}\r\n${message}`), / OK /);
      break;
    }
    case 3:
      await viewer.run(`STORE ${n} +FLAGS (\\Deleted)`, true);
      break;
    case 4:
      await viewer.run(`STORE ${range} ${random.below(2) === 0 ? "+" : "-"}FLAGS.SILENT (\\Flagged)`, true);
      // What was changed silently the client knows itself; here it just asks.
      await viewer.run("FETCH 1:* (UID FLAGS)", true);
      break;
    case 5:
      await viewer.run(`STORE ${range} FLAGS (\\Answered)`, true);
      break;
    case 6:
      await viewer.run("EXPUNGE");
      break;
    case 7:
      await viewer.run(`FETCH ${range} (UID FLAGS)`, true);
      break;
    case 8:
      await viewer.run("SEARCH UNDELETED", true);
      break;
    case 9:
      await viewer.run("NOOP");
      break;
    case 10:
      await viewer.run(`MOVE ${n} INBOX/Other`);
      break;
    default: {
      await viewer.run("IDLE");
      await new Promise<void>((resolve) => setTimeout(resolve, random.below(8)));
      viewer.client.send("DONE\r\n");
      await viewer.follow(viewer.lastTag);
    }
  }
}

for (const seed of seeds) {
  test(`every session's numbers mean what they meant (SEED=${seed})`, async (t) => {
    const store = await startMailStore({ imapdConf: "unixhierarchysep: yes\naltnamespace: no" });
    const servers: ImapServer[] = [await startImapServer(store), await startImapServer(store)];
    t.after(async () => {
      for (const server of servers) await server.stop();
      await store.stop();
    });
    await store.create("user.alice", "user.alice.Other");
    const random = new Random(seed);
    const viewers: Viewer[] = [];
    for (let i = 0; i < SESSIONS; i++) {
      const viewer = new Viewer(String.fromCharCode(97 + i), await ImapClient.login(servers[i % 2]!.port, "alice"));
      await viewer.run("SELECT INBOX");
      viewers.push(viewer);
    }
    for (let round = 0; round < ROUNDS; round++) {
      // Some at once, so that changes fall between each other's commands.
      const busy = viewers.filter(() => random.below(2) === 0);
      await Promise.all(busy.map((viewer) => step(viewer, random)));
    }
    for (const viewer of viewers) await viewer.run("NOOP");
    const views = await Promise.all(
      viewers.map(async (viewer) => {
        const told = viewer.view.map(({ uid, flags }) => ({ uid, flags }));
        await viewer.run("FETCH 1:* (UID FLAGS)");
        const asked = viewer.view.map(({ uid, flags }) => ({ uid, flags }));
        // What the session was told unasked must be so.
        told.forEach(({ uid, flags }, i) => {
          if (uid !== undefined) assert.equal(uid, asked[i]!.uid, `${viewer.name}: uid of ${i + 1}`);
          if (flags !== undefined) assert.equal(flags, asked[i]!.flags, `${viewer.name}: flags of ${i + 1}`);
        });
        return asked;
      }),
    );
    for (const view of views) assert.deepEqual(view, views[0]);
    assert.ok(views[0]!.every(({ uid }, i) => i === 0 || uid! > views[0]![i - 1]!.uid!));
  });
}
