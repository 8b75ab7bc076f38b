/** Where in a log the power is cut. */
import type { Random } from "../random.ts";
import type { Operation } from "../record/log.ts";

/**
 * `count` places, ascending, some of them more than once: how many operations of the log were done. A third anywhere, a third
 * just before a sync ends (most is uncovered there), a third just after an acknowledgement (most is promised there).
 */
export function chooseCuts(random: Random, operations: readonly Operation[], count: number, from = 0): number[] {
  const beforeSyncEnd: number[] = [];
  const afterAck: number[] = [];
  for (const [index, { kind }] of operations.entries()) {
    if (index < from) continue;
    if (kind === "syncEnd") beforeSyncEnd.push(index);
    if (kind === "ack") afterAck.push(index + 1);
  }
  const anywhere = (): number => random.between(from, operations.length);
  const one = (): number => {
    const places = random.pick([undefined, beforeSyncEnd, afterAck]);
    return places && places.length > 0 ? random.pick(places) : anywhere();
  };
  return Array.from({ length: count }, one).toSorted((a, b) => a - b);
}
