/** The mailboxes for the reading work: made once per server and size, then kept as an archive beside the cache. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ImapClient } from "./clients/imap-client.ts";
import { LoadProcess } from "./clients/load-process.ts";
import { diskUse } from "./measure/page-cache.ts";
import type { Scale } from "./scale.ts";
import { type BenchServer, loginOf, type ServerKind } from "./servers/server.ts";

const cache = resolve(import.meta.dirname, "../.cache/bench");
/** Goes up when the mail or the mailboxes change. */
const fillVersion = 3;

const settleMs = 2_500;

/** Users in rotation for deliveries and APPEND, and those whose sessions idle. */
export const deliveryUsers: readonly string[] = Array.from({ length: 40 }, (_, i) => `u${i}`);
export const idleUsers: readonly string[] = Array.from({ length: 20 }, (_, i) => `i${i}`);

export type FillName = "big" | "middle" | "cold" | "list" | "status";

interface Fill {
  /** The user who has the mailboxes. */
  readonly user: string;
  readonly mailboxes: readonly string[];
  /** Messages in each. */
  readonly messages: number;
}

export function fillOf(name: FillName, scale: Scale): Fill {
  switch (name) {
    case "big":
      return { user: "big", mailboxes: ["INBOX"], messages: scale.bigMailbox };
    case "middle":
      return { user: "middle", mailboxes: ["INBOX"], messages: scale.middleMailbox };
    case "cold":
      return { user: "cold", mailboxes: ["INBOX"], messages: scale.coldMailbox };
    case "list":
      return { user: "list", mailboxes: tree(scale.listMailboxes), messages: 0 };
    case "status":
      return { user: "status", mailboxes: statusMailboxes(scale), messages: 10 };
  }
}

export const statusMailboxes = (scale: Scale): string[] =>
  Array.from({ length: scale.statusMailboxes }, (_, i) => `s${String(i).padStart(4, "0")}`);

/** Two levels: about one mailbox in fifty has the others below it. */
function tree(count: number): string[] {
  const names: string[] = [];
  for (let i = 0; names.length < count; i++) {
    const parent = `p${String(i).padStart(3, "0")}`;
    names.push(parent);
    for (let j = 0; j < 49 && names.length < count; j++) names.push(`${parent}/c${String(j).padStart(2, "0")}`);
  }
  return names;
}

export interface FilledServer {
  readonly server: BenchServer;
  /** Octets on disk per message of the big mailbox, when it was filled. */
  readonly diskPerMessage: number | undefined;
}

/** Starts a server on a filled spool, from the archive or, the first time, by filling it. */
export async function startFilled(
  kind: ServerKind,
  fills: readonly FillName[],
  scale: Scale,
  options: { readonly scaleName: string; readonly refill: boolean; readonly say: (text: string) => void },
): Promise<FilledServer> {
  const dir = join(cache, "run", kind.name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const what = fills.length > 0 ? fills.toSorted().join("-") : "users";
  const name = [kind.name, kind.formatKey(), `v${fillVersion}`, options.scaleName, what].join("_");
  const archive = join(cache, "spools", `${name.replaceAll(/[^\w.+-]/g, "-")}.tar`);
  if (!options.refill && existsSync(archive)) {
    options.say(`${kind.name}: unpacking its filled spool`);
    run("tar", ["-xpf", archive, "-C", dir]);
    return settled(await kind.start(dir), fills, scale);
  }
  const first = await kind.start(dir);
  try {
    const users = fills.map((fill) => fillOf(fill, scale).user);
    await kind.createUsers(first, [...deliveryUsers, ...idleUsers, ...users]);
    for (const fill of fills) await fillOne(first, fill, scale, options.say);
  } finally {
    await first.stop();
  }
  mkdirSync(join(cache, "spools"), { recursive: true });
  // The posix format keeps nanoseconds: Maildir is scanned again when a folder's time is not the one remembered.
  run("tar", [
    "--format=posix",
    "-cpf",
    `${archive}.new`,
    "-C",
    dir,
    "--exclude=./run",
    "--exclude=./conf/socket/*",
    ".",
  ]);
  renameSync(`${archive}.new`, archive);
  return settled(await kind.start(dir), fills, scale);
}

/** Opens every filled mailbox twice, some time apart: what a server brings up to date at first sight is then done. */
async function settled(server: BenchServer, fills: readonly FillName[], scale: Scale): Promise<FilledServer> {
  const users = fills.filter((name) => fillOf(name, scale).messages > 0).map((name) => fillOf(name, scale).user);
  for (let i = 0; i < 2; i++) {
    for (const user of users) {
      const client = await ImapClient.login(server.imapPort, user, server.password);
      for (const command of ["SELECT INBOX", "NOOP", "LOGOUT"]) await client.request(command);
      client.close();
    }
    if (i === 0) await sleep(users.length > 0 ? settleMs : 0);
  }
  return { server, diskPerMessage: readNote(server.dir) };
}

async function fillOne(server: BenchServer, name: FillName, scale: Scale, say: (text: string) => void): Promise<void> {
  const fill = fillOf(name, scale);
  const start = Date.now();
  const before = diskUse(server.dir);
  const load = await LoadProcess.start({
    kind: "fill",
    port: server.imapPort,
    login: loginOf(server, fill.user),
    mailboxes: fill.mailboxes,
    messages: fill.messages,
    seed: 11,
  });
  const everything = { seconds: Number.MAX_SAFE_INTEGER, operations: Number.MAX_SAFE_INTEGER };
  try {
    if (fill.mailboxes[0] !== "INBOX") await load.run("create", everything);
    if (fill.messages > 0) await load.run("fill", everything);
  } finally {
    load.close();
  }
  await server.quiesce();
  if (name === "big") {
    const octets = Math.round((diskUse(server.dir) - before) / fill.messages);
    writeFileSync(join(server.dir, "fill.json"), JSON.stringify({ diskPerMessage: octets }));
  }
  const count = fill.mailboxes.length * Math.max(1, fill.messages);
  say(`${server.name}: filled ${name} (${count}) in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

function readNote(dir: string): number | undefined {
  const path = join(dir, "fill.json");
  if (!existsSync(path)) return undefined;
  return (JSON.parse(readFileSync(path, "utf8")) as { diskPerMessage: number }).diskPerMessage;
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}
