/**
 * When moves of directories by name may be made. A name may be used again at once, so a directory can be the end of one move and the beginning of the next,
 * and files for it come before and after. Done again after a crash, rows would then meet files of later ones. So a move waits until all rows before
 * it are gone, and the rows after it wait until it is gone itself: whatever is done again finds the directories as it left them, or as they were. Moves
 * that follow each other and have no directory in common are made together.
 */
import { directoryOf, rootNameOf } from "../blobs/places.ts";
import type { MoveSource, PendingRow } from "../pending.ts";

export class MoveBatch {
  /** Number of the last row in it. */
  last = 0;
  private readonly directories = new Set<string>();

  /** False: the move has to wait until this batch is done. A move that is in it already fits. */
  add({ seq, uniqueId, partition }: PendingRow, { moved }: MoveSource): boolean {
    if (seq <= this.last) return true;
    const keys = [moved, partition].map((place) => `${rootNameOf(place)}:${directoryOf(place) ?? ` ${uniqueId}`}`);
    if (keys.some((key) => this.directories.has(key))) return false;
    for (const key of keys) this.directories.add(key);
    this.last = seq;
    return true;
  }
}
