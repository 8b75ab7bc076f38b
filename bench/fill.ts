/** The mailboxes for the reading work: made once per server and size, then kept as an archive beside the cache. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ImapClient } from "./clients/imap-client.ts";
import { LoadProcess } from "./clients/load-process.ts";
import { diskUse } from "./measure/page-cache.ts";
import type { Scale } from "./scale.ts";
import { type BenchServer, loginOf, type ServerKind } from "./servers/server.ts";

/** Servers' files while they run, and archives of filled spools. A second benchmark at the same time wants its own. */
export const cache = resolve(process.env["PASARGAD_BENCH_CACHE"] ?? join(import.meta.dirname, "../.cache/bench"));
/** Goes up when the mail or the mailboxes change. */
const fillVersion = 4;

const settleMs = 2_500;

/** Users in rotation for deliveries and APPEND. */
export const deliveryUsers: readonly string[] = Array.from({ length: 40 }, (_, i) => `u${i}`);

export type FillName = "big" | "middle" | "cold" | "list" | "status" | "idlers";

interface Fill {
  /** The user who has the mailboxes. */
  readonly user: string;
  readonly mailboxes: readonly string[];
  /** Messages in each. */
  readonly messages: number;
}

/** Users with an empty INBOX each. */
export const idlerNames = (scale: Scale): string[] =>
  Array.from({ length: scale.idlers }, (_, i) => `v${String(i).padStart(4, "0")}`);

export function fillOf(name: Exclude<FillName, "idlers">, scale: Scale): Fill {
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
  const name: ArchiveName = { kind: kind.name, scale: options.scaleName, form: kind.formatKey(), fills };
  const archive = options.refill ? undefined : findArchive(name);
  if (archive !== undefined) {
    options.say(`${kind.name}: unpacking its filled spool`);
    run("tar", ["-xpf", archive, "-C", dir]);
    return settled(await kind.start(dir), fills, scale);
  }
  const first = await kind.start(dir);
  try {
    const users = ofMailboxes(fills).map((fill) => fillOf(fill, scale).user);
    if (fills.includes("idlers")) users.push(...idlerNames(scale));
    await kind.createUsers(first, [...deliveryUsers, ...users]);
    if (fills.includes("idlers")) await firstLogins(first, idlerNames(scale));
    for (const fill of ofMailboxes(fills)) await fillOne(first, fill, scale, options.say);
  } finally {
    await first.stop();
  }
  keepArchive(name, dir);
  return settled(await kind.start(dir), fills, scale);
}

const ofMailboxes = (fills: readonly FillName[]): Exclude<FillName, "idlers">[] =>
  fills.filter((fill) => fill !== "idlers");

interface ArchiveName {
  readonly kind: string;
  readonly scale: string;
  readonly form: string;
  readonly fills: readonly FillName[];
}

const spools = join(cache, "spools");

/** Everything in an archive's name but what it is filled with. */
const stem = ({ kind, scale, form }: ArchiveName): string =>
  [kind, scale, `v${fillVersion}-${form}`]
    .map((part) => part.replaceAll(/[^\w.+-]/g, "-").replaceAll("_", "-"))
    .join("_");

/** The smallest archive that has all the fills that are wanted. */
function findArchive(name: ArchiveName): string | undefined {
  if (!existsSync(spools)) return undefined;
  const prefix = `${stem(name)}_`;
  const fitting = readdirSync(spools)
    .filter((file) => file.startsWith(prefix) && file.endsWith(".tar"))
    .map((file) => ({ file, fills: file.slice(prefix.length, -".tar".length).split("-") }))
    .filter(({ fills }) => name.fills.every((fill) => fills.includes(fill)))
    .toSorted((a, b) => a.fills.length - b.fills.length);
  return fitting[0] && join(spools, fitting[0].file);
}

function keepArchive(name: ArchiveName, dir: string): void {
  mkdirSync(spools, { recursive: true });
  const prefix = `${stem(name)}_`;
  for (const file of readdirSync(spools)) {
    // Of an older form of the same server's store: nobody unpacks it again.
    const outdated = file.startsWith(`${name.kind}_${name.scale}_`) && !file.startsWith(prefix);
    if (outdated) rmSync(join(spools, file));
  }
  const archive = join(spools, `${prefix}${name.fills.length > 0 ? name.fills.toSorted().join("-") : "users"}.tar`);
  // The posix format keeps nanoseconds: Maildir is scanned again when a folder's time is not the one remembered.
  const form = ["--format=posix", "--exclude=./run", "--exclude=./conf/socket/*"];
  run("tar", [...form, "-cpf", `${archive}.new`, "-C", dir, "."]);
  renameSync(`${archive}.new`, archive);
}

/** Dovecot makes a user's mailbox at the first login. */
async function firstLogins(server: BenchServer, users: readonly string[]): Promise<void> {
  const logins = users.map((user) => loginOf(server, user));
  const load = await LoadProcess.start({
    kind: "login",
    port: server.imapPort,
    connections: 8,
    logins,
    commands: ["SELECT INBOX"],
  });
  try {
    const { failures, firstFailure } = await load.run("login", { seconds: 3_600, operations: users.length });
    if (failures > 0) throw new Error(`first logins: ${firstFailure}`);
  } finally {
    load.close();
  }
}

/** Opens every filled mailbox twice, some time apart: what a server brings up to date at first sight is then done. */
async function settled(server: BenchServer, fills: readonly FillName[], scale: Scale): Promise<FilledServer> {
  const users = ofMailboxes(fills)
    .map((name) => fillOf(name, scale))
    .filter(({ messages }) => messages > 0)
    .map(({ user }) => user);
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

async function fillOne(
  server: BenchServer,
  name: Exclude<FillName, "idlers">,
  scale: Scale,
  say: (text: string) => void,
): Promise<void> {
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
