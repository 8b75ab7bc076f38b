/** A recovered store against what was acknowledged, and what was in flight when the power went. */
import type { Action } from "../workload/actions.ts";
import { type InFlight, isTreeWork } from "../workload/progress.ts";
import { atoms, Expected, foretell, type ExpectedMailbox, type ExpectedMessage } from "../workload/expected.ts";
import type { Observed, ObservedMailbox, ObservedMessage } from "./observed.ts";

/** Ways of having taken place that are tried before giving up. */
const maximumTries = 5_000;
/** In more orders than that in which they began are so many changes tried. */
const maximumPermuted = 4;

/** How one change in flight may have left the store: untouched, or one of some outcomes. */
interface Change {
  /** Empty: it must have taken place as a whole, as recovery finishes it. */
  readonly ways: readonly Action[];
  readonly action: Action;
}

/**
 * What of the acknowledged is missing or different, and what is there that nobody asked for; empty: nothing. Actions in flight
 * may have taken place or not, each as a whole: any set of them that explains what is found will do.
 * `settled` receives the model with those that did.
 */
export function compareStore(
  acknowledged: Expected,
  inFlight: readonly InFlight[],
  observed: Observed,
  settled?: (expected: Expected) => void,
): string[] {
  const changes = inFlight.flatMap(({ action, begun }): Change[] =>
    begun && isTreeWork(action) ? [{ action, ways: [] }] : atoms(action).map((ways) => ({ action, ways })),
  );
  const start = withSpentUids(acknowledged, observed);
  const climbed = climb(start, changes, observed);
  if (climbed) {
    settled?.(adopt(climbed, observed));
    return [];
  }
  let best: string[] | undefined;
  let tries = 0;
  for (const chosen of candidates(changes)) {
    if (++tries > maximumTries) break;
    const expected = new Expected(start);
    for (const apply of chosen) apply(expected);
    const problems = difference(expected, observed);
    if (problems.length === 0) {
      settled?.(adopt(expected, observed));
      return [];
    }
    if (!best || problems.length < best.length) best = problems;
  }
  return [...best!, ...(changes.length > 0 ? [`(in flight: ${JSON.stringify(inFlight)})`] : [])];
}

/** Uids of work that was taken back are not given out again: what is found above the last acknowledged one tells where they went on. */
function withSpentUids(acknowledged: Expected, observed: Observed): Expected {
  const start = new Expected(acknowledged);
  const found = new Map([...observed.mailboxes.values()].map((mailbox) => [mailbox.uniqueid, mailbox]));
  for (const mailbox of start.mailboxes.values().toArray()) {
    const uids = found.get(mailbox.uniqueid ?? "")?.messages.keys() ?? [];
    const next = Math.min(...[...uids].filter((uid) => uid > mailbox.lastUid));
    if (next < Number.POSITIVE_INFINITY) start.mailboxes.set(mailbox.name, { ...mailbox, lastUid: next - 1 });
  }
  return start;
}

/** Takes one change after the other, always the one that explains most, at the place in the order where it does. Undefined: that leads nowhere. */
function climb(start: Expected, changes: readonly Change[], observed: Observed): Expected | undefined {
  let chosen = changes
    .filter(({ ways }) => ways.length === 0)
    .map((change) => ({ change, apply: complete(change.action) }));
  const run = (steps: typeof chosen): { expected: Expected; problems: number } => {
    const expected = new Expected(start);
    for (const { apply } of steps) apply(expected);
    return { expected, problems: difference(expected, observed).length };
  };
  let now = run(chosen);
  while (now.problems > 0) {
    let best: { steps: typeof chosen; state: typeof now } | undefined;
    for (const change of changes) {
      if (chosen.some((one) => one.change === change)) continue;
      for (const way of change.ways)
        for (let place = chosen.length; place >= 0; place--) {
          const steps = chosen.toSpliced(place, 0, { change, apply: take(way) });
          const state = run(steps);
          if (state.problems < (best?.state ?? now).problems) best = { steps, state };
        }
    }
    if (!best) return undefined;
    chosen = best.steps;
    now = best.state;
  }
  return now.expected;
}

type Apply = (expected: Expected) => void;

/** First the likely ones (nothing; the first n in order), then all, then all in other orders. */
function* candidates(changes: readonly Change[]): Generator<readonly Apply[]> {
  const wholes = changes.map(({ action, ways }) => (ways.length === 0 ? complete(action) : take(ways.at(-1)!)));
  const must = (i: number): boolean => changes[i]!.ways.length === 0;
  for (let prefix = 0; prefix <= changes.length; prefix++) yield wholes.filter((_, i) => i < prefix || must(i));
  const isTree = ({ action }: Change): boolean => isTreeWork(action);
  const treesLast = [...changes.filter((change) => !isTree(change)), ...changes.filter(isTree)];
  const orders = changes.length <= maximumPermuted ? permutations(changes) : [changes, treesLast, changes.toReversed()];
  for (const order of orders) yield* choices(order);
}
function* choices(changes: readonly Change[], at = 0): Generator<Apply[]> {
  const change = changes[at];
  if (!change) {
    yield [];
    return;
  }
  const ways = change.ways.length === 0 ? [complete(change.action)] : [undefined, ...change.ways.map(take)];
  for (const way of ways) for (const rest of choices(changes, at + 1)) yield way ? [way, ...rest] : rest;
}
function* permutations(changes: readonly Change[]): Generator<readonly Change[]> {
  if (changes.length <= 1) {
    yield changes;
    return;
  }
  for (const [i, first] of changes.entries())
    for (const rest of permutations(changes.toSpliced(i, 1))) yield [first, ...rest];
}

function take(action: Action): Apply {
  return (expected) => {
    const outcome = foretell(expected, action);
    if (outcome) expected.apply(action, outcome);
  };
}
/** The rest of work on a tree. */
function complete(action: Action): Apply {
  return (expected) => {
    if (action.verb === "rename") expected.apply(action, { ok: true });
    else take(action)(expected);
  };
}

function difference(expected: Expected, observed: Observed): string[] {
  const problems: string[] = [];
  for (const [name, mailbox] of expected.mailboxes) {
    const found = observed.mailboxes.get(name);
    if (!found) problems.push(`${name}: the mailbox is lost (${mailbox.messages.size} messages)`);
    else problems.push(...mailboxDifference(mailbox, found).map((problem) => `${name}: ${problem}`));
  }
  const kept = new Map<string, ObservedMailbox>();
  for (const [name, found] of observed.mailboxes) {
    const deleted = name.startsWith("DELETED.") && expected.deleted.get(found.uniqueid);
    if (deleted) {
      kept.set(found.uniqueid, found);
      if (!deleted.loose)
        problems.push(...mailboxDifference(deleted.mailbox, found).map((problem) => `${name}: ${problem}`));
    } else if (!expected.mailboxes.has(name))
      problems.push(`${name}: exists, with ${found.messages.size} messages, unasked`);
  }
  for (const [uniqueid, { mailbox, certain }] of expected.deleted)
    if (certain && !kept.has(uniqueid)) problems.push(`${mailbox.name}: deleted, and not kept below DELETED`);
  for (const [root, limitOctets] of expected.quotas) {
    const found = observed.quotas.get(root)?.limitOctets;
    if (found !== limitOctets) problems.push(`quota root ${root}: limit is ${found}, was set to ${limitOctets}`);
  }
  for (const { uniqueid, messages } of observed.mailboxes.values())
    for (const { uid, digest } of messages.values()) {
      const before = expected.everStored.get(`${uniqueid} ${uid}`);
      if (before !== undefined && before !== digest)
        problems.push(`${uniqueid} uid ${uid} has other content than once`);
    }
  return problems;
}

function mailboxDifference(expected: ExpectedMailbox, found: ObservedMailbox): string[] {
  const problems: string[] = [];
  if (expected.uniqueid !== undefined && expected.uniqueid !== found.uniqueid)
    problems.push(`uniqueid is ${found.uniqueid}, was ${expected.uniqueid}`);
  if (expected.uidvalidity !== undefined && expected.uidvalidity !== found.uidvalidity)
    problems.push(`uidvalidity is ${found.uidvalidity}, was ${expected.uidvalidity}`);
  if (expected.acl !== undefined && found.acl !== undefined && expected.acl !== found.acl)
    problems.push(`ACL is ${found.acl}, was ${expected.acl}`);
  if (found.lastUid < expected.lastUid)
    problems.push(`last uid went back from ${expected.lastUid} to ${found.lastUid}`);
  if (found.highestModseq < expected.highestModseq)
    problems.push(`highestmodseq went back from ${expected.highestModseq} to ${found.highestModseq}`);
  for (const [uid, message] of expected.messages) {
    const there = found.messages.get(uid);
    if (!there) problems.push(`uid ${uid} is lost`);
    else problems.push(...messageDifference(message, there).map((problem) => `uid ${uid}: ${problem}`));
  }
  for (const uid of found.messages.keys())
    if (!expected.messages.has(uid)) problems.push(`uid ${uid} is there, though expunged or never stored`);
  return problems;
}

function messageDifference(expected: ExpectedMessage, found: ObservedMessage): string[] {
  const problems: string[] = [];
  if (found.digest !== expected.digest) problems.push(`octets are ${found.digest}, were ${expected.digest}`);
  if (found.sizeOctets !== expected.sizeOctets)
    problems.push(`size is ${found.sizeOctets}, was ${expected.sizeOctets}`);
  if (expected.internaldate !== undefined && found.internaldate !== expected.internaldate)
    problems.push(`internaldate is ${found.internaldate}, was ${expected.internaldate}`);
  const [is, was] = [found.flags, expected.flags].map((flags) => [...flags].toSorted().join(" "));
  if (is !== was && !expected.anyFlags) problems.push(`flags are (${is}), were (${was})`);
  if (expected.modseq !== undefined ? found.modseq !== expected.modseq : found.modseq < expected.modseqAtLeast)
    problems.push(`modseq is ${found.modseq}, was ${expected.modseq ?? `at least ${expected.modseqAtLeast}`}`);
  return problems;
}

function adoptMessage(message: ExpectedMessage, { modseq, flags }: ObservedMessage): ExpectedMessage {
  return { ...message, modseq, ...(message.anyFlags ? { flags, anyFlags: false } : {}) };
}

/** The model with what could not be foretold (uniqueids, modseqs) taken from what was found, to go on from there. */
function adopt(expected: Expected, observed: Observed): Expected {
  const adopted = new Expected(expected);
  for (const [name, mailbox] of expected.mailboxes) {
    const { uniqueid, uidvalidity, acl, lastUid, highestModseq, messages: found } = observed.mailboxes.get(name)!;
    const messages = new Map(
      [...mailbox.messages].map(([uid, message]) => [uid, adoptMessage(message, found.get(uid)!)]),
    );
    adopted.mailboxes.set(name, { ...mailbox, uniqueid, uidvalidity, acl, lastUid, highestModseq, messages });
    for (const [uid, { digest }] of messages) adopted.everStored.set(`${uniqueid} ${uid}`, digest);
  }
  const there = new Set([...observed.mailboxes.values()].map(({ uniqueid }) => uniqueid));
  for (const [uniqueid, deleted] of adopted.deleted)
    if (there.has(uniqueid)) adopted.deleted.set(uniqueid, { ...deleted, certain: true });
    else adopted.deleted.delete(uniqueid);
  return adopted;
}
