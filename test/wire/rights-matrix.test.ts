/** Every right on every command (RFC 4314 §4): each command is tried with all rights but one, and with no more than it needs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MboxName } from "../../src/formats/ids.ts";
import { takeIn } from "../../src/ops/index.ts";
import { type ImapServer, startImapServer } from "../support/imap-server.ts";
import { admin, type MailStore, startMailStore } from "../support/mail-store.ts";
import { ImapClient } from "../support/wire-client.ts";

const letters = "lrswipkxtean";

interface Trial {
  readonly name: string;
  /** All of these are needed. */
  readonly needs: string;
  /** @returns whether it was allowed, and what came of it where that is not in the answer */
  run(client: ImapClient, mailbox: string): Promise<string>;
}

/** OK, or the refusal. */
async function answer(client: ImapClient, command: string): Promise<string> {
  const text = await client.command(command);
  const tagged = text.slice(text.lastIndexOf("TAG ") + 4).trim();
  return tagged.startsWith("OK") ? "OK" : tagged;
}

function plain(name: string, needs: string, command: (mailbox: string) => string): Trial {
  return { name, needs, run: (client, mailbox) => answer(client, command(mailbox)) };
}

/** In a selection; without "r" there is none. */
function selected(name: string, needs: string, command: string): Trial {
  return {
    name,
    needs: `r${needs}`,
    async run(client, mailbox) {
      const opened = await answer(client, `SELECT ${mailbox}`);
      if (opened !== "OK") return opened;
      const result = await answer(client, command);
      await client.command("UNSELECT");
      return result;
    },
  };
}

/** Whether a flag is there afterwards, where a missing right does not make a refusal. */
function silently(name: string, needs: string, commands: readonly string[], seen: RegExp): Trial {
  return {
    name,
    needs: `r${needs}`,
    async run(client, mailbox) {
      const opened = await answer(client, `SELECT ${mailbox}`);
      if (opened !== "OK") return opened;
      let text = "";
      for (const command of commands) text = await client.command(command.replace("MAILBOX", mailbox));
      await client.command("UNSELECT");
      return seen.test(text) ? "OK" : "left out";
    },
  };
}

const message = "Subject: x\r\n\r\nx\r\n";
const append = (mailbox: string, flags = "") => `APPEND ${mailbox} ${flags}{${message.length}+}\r\n${message}`;

const trials: readonly Trial[] = [
  {
    name: "LIST",
    needs: "l",
    run: async (client, mailbox) =>
      (await client.command(`LIST "" ${mailbox}`)).includes(mailbox) ? "OK" : "left out",
  },
  plain("SUBSCRIBE", "l", (mailbox) => `SUBSCRIBE ${mailbox}`),
  plain("SELECT", "r", (mailbox) => `SELECT ${mailbox}`),
  plain("EXAMINE", "r", (mailbox) => `EXAMINE ${mailbox}`),
  plain("STATUS", "r", (mailbox) => `STATUS ${mailbox} (MESSAGES)`),
  plain("GETQUOTAROOT", "r", (mailbox) => `GETQUOTAROOT ${mailbox}`),
  plain("APPEND", "i", (mailbox) => append(mailbox)),
  plain("CREATE", "k", (mailbox) => `CREATE ${mailbox}/child`),
  plain("DELETE", "x", (mailbox) => `DELETE ${mailbox}`),
  plain("GETACL", "a", (mailbox) => `GETACL ${mailbox}`),
  plain("SETACL", "a", (mailbox) => `SETACL ${mailbox} carol lr`),
  plain("DELETEACL", "a", (mailbox) => `DELETEACL ${mailbox} carol`),
  plain("LISTRIGHTS", "a", (mailbox) => `LISTRIGHTS ${mailbox} carol`),
  selected("FETCH", "", "FETCH 1 (FLAGS BODY.PEEK[])"),
  selected("SEARCH", "", "SEARCH ALL"),
  selected("COPY from", "", "COPY 1 INBOX"),
  selected("MOVE from", "te", "MOVE 1 INBOX"),
  selected("STORE \\Seen", "s", "STORE 1 +FLAGS (\\Seen)"),
  selected("STORE \\Deleted", "t", "STORE 1 +FLAGS (\\Deleted)"),
  selected("STORE \\Flagged", "w", "STORE 1 +FLAGS (\\Flagged)"),
  selected("STORE keyword", "w", "STORE 1 +FLAGS ($Word)"),
  selected("STORE replacing", "w", "STORE 1 FLAGS (\\Answered)"),
  selected("EXPUNGE", "e", "EXPUNGE"),
  selected("UID EXPUNGE", "e", "UID EXPUNGE 1:*"),
  {
    name: "COPY to",
    needs: "i",
    async run(client, mailbox) {
      await client.command("SELECT INBOX");
      return answer(client, `COPY 1 ${mailbox}`);
    },
  },
  silently("FETCH sets \\Seen", "s", ["FETCH 1 BODY[]", "FETCH 1 FLAGS"], /\\Seen/),
  silently("CLOSE expunges", "e", ["CLOSE", "SELECT MAILBOX"], /^\* 1 EXISTS/m),
  silently("APPEND with \\Deleted", "it", [append("MAILBOX", "(\\Deleted) "), "FETCH 3 FLAGS"], /\\Deleted/),
  silently("APPEND with \\Flagged", "iw", [append("MAILBOX", "(\\Flagged) "), "FETCH 3 FLAGS"], /\\Flagged/),
  silently("APPEND with \\Seen", "is", [append("MAILBOX", "(\\Seen) "), "FETCH 3 FLAGS"], /\\Seen/),
];

let store: MailStore;
let server: ImapServer;
let count = 0;

before(async () => {
  store = await startMailStore({ imapdConf: "unixhierarchysep: yes\naltnamespace: no" });
  server = await startImapServer(store);
  await store.create("user.alice", "user.bob", "user.carol");
  await fill("user.bob" as MboxName, 1);
});
after(async () => {
  await server.stop();
  await store.stop();
});

async function fill(name: MboxName, messages: number): Promise<void> {
  const { mail } = store;
  const box = mail.view((snapshot) => snapshot.entry(name)!.uniqueId);
  await mail.as(admin).ask("acl.set", { name, identifier: "cyrus", change: "replace", rights: "lrswit" });
  const octets = Buffer.from(message);
  for (let n = 0; n < messages; n++) {
    const { args, attachments } = takeIn(octets, { seconds: 1_700_000_000, nanos: 0 });
    const flags = { system: n === 1 ? 4 : 0, user: [] };
    await mail.as(admin).ask("messages.append", { box, messages: [{ ...args, flags }] }, attachments);
  }
  await mail.as(admin).ask("acl.set", { name, identifier: "cyrus", change: "replace", rights: "" });
}

/** A new mailbox of alice's with two messages, the second one \Deleted, on which bob has these rights. */
async function mailboxWith(rights: string): Promise<string> {
  const name = `user.alice.m${++count}` as MboxName;
  await store.create(name);
  await fill(name, 2);
  await store.mail.as(admin).ask("acl.set", { name, identifier: "bob", change: "replace", rights });
  return name.replaceAll(".", "/");
}

const refusals = new Set([
  "left out",
  "NO Permission denied",
  "NO Mailbox does not exist",
  "NO Subscribe: Mailbox does not exist",
]);

for (const trial of trials) {
  test(`${trial.name} needs ${trial.needs}`, async () => {
    const client = await ImapClient.login(server.port, "bob");
    assert.equal(await trial.run(client, await mailboxWith(letters)), "OK", "with all rights");
    assert.equal(await trial.run(client, await mailboxWith(`l${trial.needs}`)), "OK", `with l${trial.needs}`);
    for (const letter of letters) {
      const result = await trial.run(client, await mailboxWith(letters.replace(letter, "")));
      if (!trial.needs.includes(letter)) assert.equal(result, "OK", `without ${letter}`);
      else {
        assert.ok(refusals.has(result), `without ${letter}: ${result}`);
        // Who may look the mailbox up is told the truth.
        if (letter !== "l" && result.startsWith("NO"))
          assert.equal(result, "NO Permission denied", `without ${letter}`);
      }
    }
    // With nothing at all the mailbox might as well not be there.
    const nothing = await trial.run(client, await mailboxWith(""));
    // CREATE says no more about it than that this user may not make anything there, as in Cyrus.
    const hidden = trial.name === "CREATE" ? /Permission denied/ : /does not exist|left out/;
    assert.match(nothing, hidden, "with nothing");
    client.end();
  });
}

test("MYRIGHTS needs one of l, r, i, k, x, a", async () => {
  const client = await ImapClient.login(server.port, "bob");
  for (const letter of letters) {
    const mailbox = await mailboxWith(letter);
    const result = await answer(client, `MYRIGHTS ${mailbox}`);
    assert.equal(result, "lrikxa".includes(letter) ? "OK" : "NO Mailbox does not exist", letter);
  }
  client.end();
});

test("RENAME needs x on the mailbox and k where it goes", async () => {
  const client = await ImapClient.login(server.port, "bob");
  const target = await mailboxWith("lk");
  assert.equal(await answer(client, `RENAME ${await mailboxWith("lx")} ${target}/a`), "OK");
  assert.equal(await answer(client, `RENAME ${await mailboxWith("lrswipktean")} ${target}/b`), "NO Permission denied");
  const closed = await mailboxWith("lrswipxtean");
  assert.equal(await answer(client, `RENAME ${await mailboxWith("lx")} ${closed}/a`), "NO Permission denied");
  client.end();
});
