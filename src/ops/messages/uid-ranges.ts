/** Sets of uids as ranges, and as the text that table `seen` and IMAP use: `1:5,9`. */
import type { UidRange } from "../../formats/ids.ts";

/** @throws RangeError on anything but what `formatUidRanges` writes */
export function parseUidRanges(text: string): UidRange[] {
  if (text === "") return [];
  return text.split(",").map((part) => {
    const [first, last = first] = part.split(":").map(Number);
    if (!Number.isInteger(first) || !Number.isInteger(last)) throw new RangeError(`"${part}" is no range of uids`);
    return { first: first!, last: last! };
  });
}

export function formatUidRanges(ranges: readonly UidRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}:${last}`)).join(",");
}

/** Ascending, joined where they touch. */
export function normalRanges(ranges: readonly UidRange[]): UidRange[] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const result: { first: number; last: number }[] = [];
  for (const { first, last } of sorted) {
    const end = result.at(-1);
    if (end && first <= end.last + 1) end.last = Math.max(end.last, last);
    else result.push({ first, last });
  }
  return result;
}

/** From uids in ascending order. */
export function rangesOfUids(uids: Iterable<number>): UidRange[] {
  const result: { first: number; last: number }[] = [];
  for (const uid of uids) {
    const end = result.at(-1);
    if (end && uid === end.last + 1) end.last = uid;
    else result.push({ first: uid, last: uid });
  }
  return result;
}

/** What is in `ranges` and not in `removed`, both normal. */
export function subtractRanges(ranges: readonly UidRange[], removed: readonly UidRange[]): UidRange[] {
  const result: UidRange[] = [];
  let at = 0;
  for (const { first, last } of ranges) {
    let start = first;
    while (at < removed.length && removed[at]!.last < start) at += 1;
    for (let n = at; n < removed.length && removed[n]!.first <= last; n++) {
      if (removed[n]!.first > start) result.push({ first: start, last: removed[n]!.first - 1 });
      start = Math.max(start, removed[n]!.last + 1);
    }
    if (start <= last) result.push({ first: start, last });
  }
  return result;
}

/** Those of `uids`, which are ascending, that are in `ranges`, which are normal: one walk over both. */
export function uidsWithin(uids: readonly number[], ranges: readonly UidRange[]): number[] {
  let at = 0;
  return uids.filter((uid) => {
    while (at < ranges.length && ranges[at]!.last < uid) at += 1;
    return at < ranges.length && ranges[at]!.first <= uid;
  });
}

export function countOfRanges(ranges: readonly UidRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}
