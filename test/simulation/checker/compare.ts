/** A recovered store against what was acknowledged, and what was in flight when the power went. */
import type { Action } from "../workload/actions.ts";
import { atoms, Expected, foretell, type ExpectedMailbox, type ExpectedMessage } from "../workload/expected.ts";
import type { Observed, ObservedMailbox, ObservedMessage } from "./observed.ts";

/** Sets of in-flight changes that are tried before giving up: 2^10. */
const maximumInFlight = 10;

/**
 * What of the acknowledged is missing or different, and what is there that nobody asked for; empty: nothing. Actions in flight
 * may have taken place or not, each as a whole: any set of them that explains what is found will do.
 * `settled` receives the model with those that did.
 */
export function compareStore(
  acknowledged: Expected,
  inFlight: readonly Action[],
  observed: Observed,
  settled?: (expected: Expected) => void,
): string[] {
  const changes = inFlight.flatMap(atoms);
  if (changes.length > maximumInFlight) throw new Error(`${changes.length} changes in flight: too many to try`);
  let best: string[] | undefined;
  for (const chosen of candidateSets(changes.length)) {
    const expected = new Expected(acknowledged);
    for (const [i, change] of changes.entries()) {
      if (!chosen(i)) continue;
      const outcome = foretell(expected, change);
      if (outcome) expected.apply(change, outcome);
    }
    const problems = difference(expected, observed);
    if (problems.length === 0) {
      settled?.(adopt(expected, observed));
      return [];
    }
    if (!best || problems.length < best.length) best = problems;
  }
  return [...best!, ...(changes.length > 0 ? [`(in flight: ${JSON.stringify(inFlight)})`] : [])];
}

/** First the likely sets (nothing; the first n in order), then all. */
function* candidateSets(n: number): Generator<(i: number) => boolean> {
  for (let prefix = 0; prefix <= n; prefix++) yield (i) => i < prefix;
  for (let bits = 0; bits < 1 << n; bits++) yield (i) => ((bits >> i) & 1) === 1;
}

function difference(expected: Expected, observed: Observed): string[] {
  const problems: string[] = [];
  for (const [name, mailbox] of expected.mailboxes) {
    const found = observed.mailboxes.get(name);
    if (!found) problems.push(`${name}: the mailbox is lost (${mailbox.messages.size} messages)`);
    else problems.push(...mailboxDifference(mailbox, found).map((problem) => `${name}: ${problem}`));
  }
  for (const [name, { messages }] of observed.mailboxes)
    if (!expected.mailboxes.has(name)) problems.push(`${name}: exists, with ${messages.size} messages, unasked`);
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
  if (is !== was) problems.push(`flags are (${is}), were (${was})`);
  if (expected.modseq !== undefined ? found.modseq !== expected.modseq : found.modseq < expected.modseqAtLeast)
    problems.push(`modseq is ${found.modseq}, was ${expected.modseq ?? `at least ${expected.modseqAtLeast}`}`);
  return problems;
}

/** The model with what could not be foretold (uniqueids, modseqs) taken from what was found, to go on from there. */
function adopt(expected: Expected, observed: Observed): Expected {
  const adopted = new Expected(expected);
  for (const [name, mailbox] of expected.mailboxes) {
    const { uniqueid, uidvalidity, lastUid, highestModseq, messages: found } = observed.mailboxes.get(name)!;
    const messages = new Map(
      [...mailbox.messages].map(([uid, message]) => [uid, { ...message, modseq: found.get(uid)!.modseq }]),
    );
    adopted.mailboxes.set(name, { ...mailbox, uniqueid, uidvalidity, lastUid, highestModseq, messages });
    for (const [uid, { digest }] of messages) adopted.everStored.set(`${uniqueid} ${uid}`, digest);
  }
  return adopted;
}
