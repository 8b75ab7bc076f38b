/** Message rows in ascending order of uid, a few blocks at a time; a batch is plain memory and outlives the snapshot it came from. */
import type { UidRange } from "../../../formats/ids.ts";
import { COLD_SPAN, type ColdBlock, Flag, HOT_SPAN, type HotBlock, type Snapshot } from "../../../store/index.ts";

/** Hot blocks of a batch: some 0.1 ms of reading. */
const HOT_BLOCKS = 8;
/** With cold rows, which are larger. */
const HOT_BLOCKS_WITH_COLD = 2;

export class RowCursor {
  readonly #mbox: number;
  readonly #withCold: boolean;
  #hotBlocks: HotBlock[] = [];
  #coldBlocks: ColdBlock[] = [];
  #hotAt = 0;
  #coldAt = 0;
  /** The row that `seek` found. */
  hot: HotBlock | undefined;
  hotIndex = 0;
  /** Only with cold rows. */
  cold: ColdBlock | undefined;
  coldIndex = 0;

  constructor(mbox: number, withCold: boolean) {
    this.#mbox = mbox;
    this.#withCold = withCold;
  }

  /** Reads rows from `range.first` on. @returns the uid up to which they are there, at most `range.last` */
  load(snapshot: Snapshot, range: UidRange): number {
    const blocks = this.#withCold ? HOT_BLOCKS_WITH_COLD : HOT_BLOCKS;
    const end = Math.min(range.last, (Math.floor(range.first / HOT_SPAN) + blocks) * HOT_SPAN - 1);
    const part = { first: range.first, last: end };
    this.#hotBlocks = snapshot.hotBlocks(this.#mbox, part, blocks);
    this.#coldBlocks = this.#withCold ? snapshot.coldBlocks(this.#mbox, part, (blocks * HOT_SPAN) / COLD_SPAN + 1) : [];
    this.#hotAt = 0;
    this.#coldAt = 0;
    this.hot = this.#hotBlocks[0];
    this.hotIndex = this.hot?.lowerBound(range.first) ?? 0;
    this.cold = this.#coldBlocks[0];
    this.coldIndex = this.cold?.lowerBound(range.first) ?? 0;
    return end;
  }

  /** Moves on to the row of `uid`, which is above all asked for since `load`. @returns false when it is not there */
  seek(uid: number): boolean {
    let { hot } = this;
    while (hot !== undefined) {
      const { count } = hot;
      let index = this.hotIndex;
      while (index < count && hot.uid(index) < uid) index++;
      this.hotIndex = index;
      if (index < count) break;
      hot = this.hot = this.#hotBlocks[++this.#hotAt];
      this.hotIndex = 0;
    }
    if (hot === undefined || hot.uid(this.hotIndex) !== uid) return false;
    return !this.#withCold || this.#seekCold(uid);
  }

  #seekCold(uid: number): boolean {
    let { cold } = this;
    while (cold !== undefined) {
      const { count } = cold;
      let index = this.coldIndex;
      while (index < count && cold.uid(index) < uid) index++;
      this.coldIndex = index;
      if (index < count) break;
      cold = this.cold = this.#coldBlocks[++this.#coldAt];
      this.coldIndex = 0;
    }
    return cold !== undefined && cold.uid(this.coldIndex) === uid;
  }

  /** Whether the row of `seek` is a tombstone that sessions may still have in view. */
  get isExpunged(): boolean {
    return (this.hot!.flags(this.hotIndex) & Flag.expunged) !== 0;
  }
}
