/** Lists of several shards, each in key order, put together in key order. A key is in one of them only. */

export function mergeByKey<T>(lists: readonly (readonly T[])[], keyOf: (item: T) => string): T[] {
  const filled = lists.filter((list) => list.length > 0);
  if (filled.length <= 1) return [...(filled[0] ?? [])];
  const keyed = filled.flatMap((list) => list.map((item) => ({ key: keyOf(item), item })));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ item }) => item);
}

/** Read at once beyond a list's share. */
const EXTRA = 8;

interface Source<T> {
  items: readonly T[];
  at: number;
  key: string;
  isWhole: boolean;
}

/**
 * The first `limit` items of `count` lists together, without reading `limit` of each.
 * @param read up to so many items of list `n` after `last`; fewer: there are no more
 */
export function mergeInSteps<T>(
  count: number,
  limit: number,
  keyOf: (item: T) => string,
  read: (n: number, last: T | undefined, count: number) => readonly T[],
): T[] {
  const share = Math.min(limit, Math.ceil(limit / count) + EXTRA);
  const fill = (source: Source<T>, n: number): void => {
    const last = source.items.at(-1);
    source.items = read(n, last, share);
    source.at = 0;
    source.isWhole = source.items.length < share;
    if (source.items.length > 0) source.key = keyOf(source.items[0]!);
  };
  const sources = Array.from({ length: count }, (_, n): Source<T> => {
    const source = { items: [], at: 0, key: "", isWhole: false };
    fill(source, n);
    return source;
  });
  const merged: T[] = [];
  while (merged.length < limit) {
    let first = -1;
    for (const [n, { items, at, key }] of sources.entries()) {
      if (at < items.length && (first < 0 || key < sources[first]!.key)) first = n;
    }
    if (first < 0) break;
    const source = sources[first]!;
    merged.push(source.items[source.at]!);
    source.at += 1;
    if (source.at < source.items.length) source.key = keyOf(source.items[source.at]!);
    else if (!source.isWhole) fill(source, first);
  }
  return merged;
}
