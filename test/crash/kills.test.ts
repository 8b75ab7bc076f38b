/** SIGKILL of real processes under real load. After each kill everything acknowledged is there, octet by octet. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { databasePath } from "../../src/store/index.ts";
import { checkConsistency } from "../simulation/checker/consistency.ts";
import { Random } from "../simulation/random.ts";
import { readStore } from "../simulation/store/store-reader.ts";
import { DoorLoad } from "./live/door-load.ts";
import { ImapLoad } from "./live/imap-load.ts";
import { Ledger } from "./live/ledger.ts";
import { LmtpLoad } from "./live/lmtp-load.ts";
import { Site } from "./live/site.ts";
import { printTable } from "./table.ts";

const kills = Number(process.env["SIM_KILLS"] ?? 200);
const seed = Number(process.env["SIM_SEED"] ?? 1);
/** Answers between two kills. */
const workBetween = 60;
/** Master starts what dies again and again ever more slowly, and forgives what has run for ten seconds. */
const quickKills = 5;
const forgivenMs = 14_000;

/** Kills that master takes without losing its patience. */
class Pace {
  private readonly killed = new Map<string, { count: number; at: number }>();

  /** Whether this program may be killed now. */
  allows(name: string): boolean {
    const { count, at } = this.killed.get(name) ?? { count: 0, at: 0 };
    return count < quickKills || performance.now() - at > forgivenMs;
  }
  add(name: string): void {
    const now = performance.now();
    const { count, at } = this.killed.get(name) ?? { count: 0, at: 0 };
    this.killed.set(name, { count: now - at > forgivenMs ? 1 : count + 1, at: now });
  }
}

test(`${kills} kills lose nothing`, async () => {
  const site = new Site();
  await site.start(6);
  const ledger = new Ledger(databasePath(site.file("conf/store"), 0), site.file("spool"));
  const random = new Random(seed);
  const door = new DoorLoad(site, ledger, seed);
  const imap = new ImapLoad(site, ledger);
  const lmtp = site.lmtpPort === 0 ? undefined : new LmtpLoad(site);
  const victims = new Map<string, number>();
  const pace = new Pace();
  let checked = 0;
  try {
    door.start(6);
    imap.start(6);
    lmtp?.start(2);
    for (let n = 0; n < kills; n++) {
      const before = ledger.acknowledged.length;
      await site.until(() => ledger.acknowledged.length > before + random.between(1, workBetween), "acknowledged work");
      const names = ["cyr_stored", "cyr_stored", "cyr_imapd", ...(lmtp ? ["cyr_lmtpd"] : [])];
      await site.until(() => names.some((name) => pace.allows(name)), "master's patience");
      const name = random.pick(names.filter((one) => pace.allows(one)));
      const [victim] = random.shuffle(site.pids(name));
      if (victim === undefined) {
        // Still on its way up.
        await site.until(() => site.pids(name).length > 0, `a running ${name}`);
        n--;
        continue;
      }
      process.kill(victim, "SIGKILL");
      pace.add(name);
      victims.set(name, (victims.get(name) ?? 0) + 1);
      checked += ledger.check(50);
    }
    const after = ledger.acknowledged.length;
    await site.until(() => ledger.acknowledged.length > after + workBetween, "work after the last kill");
  } finally {
    await Promise.all([door.stop(), imap.stop(), lmtp?.stop()]);
    ledger.checkAll();
    await site.stop();
  }
  const twice = findDoubles(door, ledger);
  const { problems: lmtpProblems, twice: lmtpTwice } = lmtp ? findTokens(lmtp, ledger) : { problems: [], twice: 0 };
  ledger.close();
  const left = checkConsistency(
    readStore(databasePath(site.file("conf/store"), 0), new Map([["default", join(site.dir, "spool")]])),
  );
  printTable(
    ["what", "number"],
    [
      ...[...victims].map(([name, count]) => [`kills of ${name}`, count]),
      ["acknowledged over the door", ledger.acknowledged.length - imap.acknowledged],
      ["acknowledged over IMAP", imap.acknowledged],
      ["acknowledged over LMTP", lmtp?.delivered.length ?? 0],
      ["looked at after kills", checked],
      ["IMAP connections interrupted", imap.interruptions],
      ["LMTP connections interrupted", lmtp?.interruptions ?? 0],
      ["longest wait at the door, ms", Math.round(door.longestMs)],
      ["lost or different", ledger.problems.length + lmtpProblems.length],
      ["done twice, or asked and not done", twice.length],
      ["LMTP: there twice, having been asked again", lmtpTwice],
      ["inconsistent", left.length],
    ],
  );
  const problems = [...ledger.problems, ...door.problems, ...imap.problems, ...lmtpProblems, ...twice, ...left];
  if (problems.length === 0) site.remove();
  assert.deepEqual(problems.slice(0, 8), [], `${problems.length} problems; the site is left in ${site.dir}`);
});

/** Every request at the door was answered, so each message is there once. */
function findDoubles(door: DoorLoad, ledger: Ledger): string[] {
  const problems: string[] = [];
  const copies = new Map<string, Map<string, number>>();
  for (const { uniqueId, digest } of door.asked) {
    let counts = copies.get(uniqueId);
    if (!counts) copies.set(uniqueId, (counts = ledger.copies(uniqueId)));
    const count = counts.get(digest) ?? 0;
    if (count !== 1) problems.push(`${uniqueId}: message ${digest} is there ${count} times`);
  }
  return problems;
}

/**
 * What got its 250 is there, and once, but for what was asked again: a server that died between a delivery and its note for duplicate suppression has
 * delivered it (RFC 1047 is about that).
 */
function findTokens({ delivered }: LmtpLoad, ledger: Ledger): { problems: string[]; twice: number } {
  const counts = new Map<string, number>();
  for (const uniqueId of new Set(delivered.map(({ user }) => user.uniqueId)))
    for (const octets of ledger.contents(uniqueId)) {
      const token = /^Subject: (token-\d+-end)/m.exec(octets.toString("latin1"))?.[1];
      if (token !== undefined) counts.set(`${uniqueId} ${token}`, (counts.get(`${uniqueId} ${token}`) ?? 0) + 1);
    }
  const problems: string[] = [];
  let twice = 0;
  for (const { token, user, again } of delivered) {
    const count = counts.get(`${user.uniqueId} ${token}`) ?? 0;
    if (count === 0) problems.push(`${user.name}: ${token} had its 250 and is lost`);
    else if (count > 1 && again) twice++;
    else if (count > 1) problems.push(`${user.name}: ${token} is there ${count} times`);
  }
  return { problems, twice };
}
