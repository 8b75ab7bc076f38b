/** Long work on the one thread of a process: in steps, between which others have their turn. */

/** What a process does at a stretch. */
export const SLICE_MILLISECONDS = 2;

/** Resolves when others have had their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Takes the steps of `work`, with a turn for others whenever a slice is over. @returns what it returns */
export async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  let sliceStart = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() - sliceStart <= SLICE_MILLISECONDS) continue;
    await nextTurn();
    sliceStart = performance.now();
  }
}
