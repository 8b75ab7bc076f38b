/**
 * npm start: a ready server in ./var on unprivileged loopback ports, with a demo user and a little mail; in the foreground until Ctrl-C.
 * What is in ./var stays: the next start goes on with it. Delete ./var to begin anew.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLog } from "../src/base/log.ts";
import { loadImapdConf } from "../src/config/index.ts";
import type { MboxName } from "../src/formats/ids.ts";
import { type Mail, openProgramMail, programCaller, systemFlagBit, takeIn } from "../src/ops/index.ts";
import { splitUser, UserDatabase, userDatabasePath } from "../src/server/auth/index.ts";
import { demoMessages } from "./demo/messages.ts";

const root = resolve(import.meta.dirname, "..");
const dir = join(root, "var");
const imapPort = portOf("PASARGAD_IMAP_PORT", 1143);
const lmtpPort = portOf("PASARGAD_LMTP_PORT", 1224);
const password = "demo";

function portOf(variable: string, fallback: number): number {
  const text = process.env[variable] ?? String(fallback);
  if (/^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  console.error(`${variable} must be a port from 1 to 65535, not "${text}"`);
  process.exit(64);
}

function writeConfiguration(): void {
  for (const name of ["", "conf", "spool", "run"]) mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
  writeFileSync(
    join(dir, "imapd.conf"),
    `configdirectory: ${dir}/conf
defaultpartition: default
partition-default: ${dir}/spool
admins: cyrus
servername: localhost
allowplaintext: yes
altnamespace: yes
unixhierarchysep: yes
proc_path: ${dir}/run/proc
mboxname_lockpath: ${dir}/run/lock
duplicate_db_path: ${dir}/run/deliver.db
tls_sessions_db_path: ${dir}/run/tls_sessions.db
`,
  );
  writeFileSync(
    join(dir, "cyrus.conf"),
    `SERVICES {
  imap  cmd="imapd -C ${dir}/imapd.conf"    listen="127.0.0.1:${imapPort}" prefork=1
  lmtp  cmd="lmtpd -a -C ${dir}/imapd.conf" listen="127.0.0.1:${lmtpPort}" prefork=1
}
`,
  );
}

async function makeDemoUser(mail: Mail): Promise<void> {
  const server = mail.as(programCaller("start"));
  const inbox = "user.demo" as MboxName;
  if (mail.view((snapshot) => snapshot.entry(inbox))) return;
  const boxes = new Map<string, string>();
  boxes.set("INBOX", (await server.ask("mailboxes.create", { name: inbox })).uniqueId);
  for (const [folder, use] of [
    ["Archive"],
    ["Drafts", "\\Drafts"],
    ["Sent", "\\Sent"],
    ["Trash", "\\Trash"],
  ] as const) {
    const name = `user.demo.${folder}` as MboxName;
    const made = await server.ask("mailboxes.create", { name, byServer: true, ...(use ? { specialUse: [use] } : {}) });
    boxes.set(folder, made.uniqueId);
  }
  const now = Math.floor(Date.now() / 1000);
  for (const { mailbox, flags, daysAgo, make } of demoMessages) {
    const seconds = now - daysAgo * 86_400 - 3_600;
    const { args, attachments } = takeIn(make(new Date(seconds * 1000).toUTCString().replace("GMT", "+0000")), {
      seconds,
      nanos: 0,
    });
    const system = flags.reduce((bits, flag) => bits | systemFlagBit(flag)!, 0);
    const target = {
      box: boxes.get(mailbox) as never,
      flags: { system, user: [] },
      quota: "ignore" as const,
      needsPost: false,
    };
    await server.ask("messages.deliver", { message: args, targets: [target] }, attachments);
  }
}

/** Else the greeting of somebody else's server, or of our own started earlier, would be taken for this one's. */
async function refuseTakenPorts(): Promise<void> {
  for (const port of [imapPort, lmtpPort]) {
    const isTaken = await new Promise<boolean>((answer) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("connect", () => answer(socket.destroy() !== undefined));
      socket.on("error", () => answer(false));
    });
    if (!isTaken) continue;
    console.error(
      `port ${port} is in use; is another "npm start" running? PASARGAD_IMAP_PORT and PASARGAD_LMTP_PORT name other ports`,
    );
    process.exit(69);
  }
}

/** Resolves when the server greets, or rejects when master has ended. */
async function waitForGreeting(hasEnded: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (hasEnded()) throw new Error("cyr_master has ended, see its messages above");
    const greeted = await new Promise<boolean>((answer) => {
      const socket = connect(imapPort, "127.0.0.1");
      socket.on("data", () => answer(socket.destroy() !== undefined));
      socket.on("error", () => answer(false));
    });
    if (greeted) return;
    await delay(100);
  }
  throw new Error(`nothing answers on port ${imapPort}`);
}

await refuseTakenPorts();
writeConfiguration();
const config = loadImapdConf({ path: join(dir, "imapd.conf"), service: "start" });
const log = createLog({ ident: "start", destination: "stderr" });
const users = new UserDatabase(
  userDatabasePath({ saslDbPath: config.sasl("sasldb_path"), configDirectory: config.configdirectory }),
);
for (const user of ["demo", "cyrus"]) if (!users.has(splitUser(user))) users.setPassword(splitUser(user), password);
users.close();
const mail = openProgramMail(config, log, "start");
await makeDemoUser(mail);
await mail.close();

const master = spawn(
  join(root, "bin/cyr_master"),
  ["-D", "-C", join(dir, "imapd.conf"), "-M", join(dir, "cyrus.conf"), "-p", join(dir, "run/master.pid")],
  {
    stdio: "inherit",
    // Root without a user "cyrus" stays root; with one, ./var would belong to the wrong user.
    env: { PASARGAD_LOG: `file:${join(dir, "log")}`, CYRUS_USER: "root", ...process.env },
  },
);
let ended = false;
let failed = false;
master.on("exit", (code) => {
  ended = true;
  process.exitCode = failed ? 1 : (code ?? 1);
});
// SIGHUP: the terminal is gone, and master, which reads its configuration anew then, would go on unseen.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => master.kill("SIGTERM"));
try {
  await waitForGreeting(() => ended);
  console.log(`
Pasargad is running. Messages of the server go to var/log. Ctrl-C ends it.

  IMAP     127.0.0.1:${imapPort}, user "demo", password "${password}" (administrator: "cyrus", same password)
  LMTP     127.0.0.1:${lmtpPort}

  curl --user demo:${password} "imap://127.0.0.1:${imapPort}/INBOX" -X "FETCH 1:* (FLAGS ENVELOPE)"
  curl --user demo:${password} "imap://127.0.0.1:${imapPort}/INBOX;MAILINDEX=1"
`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  failed = true;
  master.kill("SIGTERM");
  if (ended) process.exitCode = 1;
}
