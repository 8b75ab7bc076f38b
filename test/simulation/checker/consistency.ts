/** Every derived value against what it derives from, whatever was acknowledged. */
import type { Observed, ObservedMailbox, ObservedMessage, StoredCounts } from "./observed.ts";

/** What is wrong inside one store; empty: nothing. */
export function checkConsistency(observed: Observed): string[] {
  const problems = [...observed.problems];
  const uniqueids = new Map<string, string>();
  for (const mailbox of observed.mailboxes.values()) {
    const other = uniqueids.get(mailbox.uniqueid);
    if (other !== undefined) problems.push(`${mailbox.name} and ${other} have one uniqueid`);
    uniqueids.set(mailbox.uniqueid, mailbox.name);
    problems.push(...checkMailbox(mailbox).map((problem) => `${mailbox.name}: ${problem}`));
  }
  for (const [root, { usedOctets }] of observed.quotas) {
    const used = sum(
      [...observed.mailboxes.values()]
        .filter(({ name }) => quotaRootOf(name, observed) === root)
        .flatMap(({ messages }) => [...messages.values()]),
      ({ sizeOctets }) => sizeOctets,
    );
    if (used !== usedOctets) problems.push(`quota root ${root}: stored use ${usedOctets}, recounted ${used}`);
  }
  return problems;
}

function checkMailbox(mailbox: ObservedMailbox): string[] {
  const problems: string[] = [];
  for (const { uid, modseq, guid, digest } of mailbox.messages.values()) {
    if (uid < 1 || uid > mailbox.lastUid) problems.push(`uid ${uid} is beyond the last uid ${mailbox.lastUid}`);
    if (modseq > mailbox.highestModseq) problems.push(`uid ${uid}: modseq ${modseq} over ${mailbox.highestModseq}`);
    if (digest === undefined) problems.push(`uid ${uid}: the octets are lost`);
    else if (digest !== guid) problems.push(`uid ${uid}: octets are ${digest}, the record says ${guid}`);
  }
  const counted = countMessages([...mailbox.messages.values()]);
  for (const field of Object.keys(mailbox.counts) as (keyof StoredCounts)[])
    if (mailbox.counts[field] !== counted[field])
      problems.push(`stored ${field} is ${mailbox.counts[field]}, recounted ${counted[field]}`);
  return problems;
}

function countMessages(messages: readonly ObservedMessage[]): Required<StoredCounts> {
  const having = (flag: string): number => messages.filter(({ flags }) => flags.has(flag)).length;
  return {
    exists: messages.length,
    unseen: messages.length - having("\\Seen"),
    deleted: having("\\Deleted"),
    answered: having("\\Answered"),
    flagged: having("\\Flagged"),
    sizeOctets: sum(messages, ({ sizeOctets }) => sizeOctets),
  };
}

/** The nearest root at or above a mailbox name. */
function quotaRootOf(name: string, { quotas }: Observed): string | undefined {
  for (let at = name; ; at = at.slice(0, at.lastIndexOf("."))) {
    if (quotas.has(at)) return at;
    if (!at.includes(".")) return undefined;
  }
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
