/** Hearing of changes of one mailbox, in whichever shard it is. */
import type { UniqueId } from "../../formats/ids.ts";
import type { ChangeListener } from "../../store/index.ts";

interface WatchHost {
  /** Where the mailbox is now; undefined: nowhere. */
  shardOf(): number | undefined;
  watch(shard: number, listener: ChangeListener): () => void;
}

export class ShardWatch {
  readonly box: UniqueId;
  private readonly listener: ChangeListener;
  private readonly host: WatchHost;
  private shard: number;
  private endWatch: () => void;

  constructor(box: UniqueId, listener: ChangeListener, host: WatchHost) {
    this.box = box;
    this.listener = listener;
    this.host = host;
    this.shard = host.shardOf() ?? 0;
    this.endWatch = host.watch(this.shard, this.changed);
  }

  /** News may have been missed: follows the mailbox when it has moved to another shard. */
  lookAgain(): void {
    const shard = this.host.shardOf();
    if (shard === undefined || shard === this.shard) return;
    this.endWatch();
    this.shard = shard;
    this.endWatch = this.host.watch(shard, this.changed);
  }

  end(): void {
    this.endWatch();
  }

  /** modseq 0: it is gone from that shard, or the watch has just begun to count. */
  private readonly changed: ChangeListener = (modseq, firstUid, lastUid) => {
    if (modseq === 0) this.lookAgain();
    this.listener(modseq, firstUid, lastUid);
  };
}
