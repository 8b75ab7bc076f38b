/** What all sessions of the process that have one mailbox selected share: maps, flag text, claims of \Recent, and the watch for changes. */
import type { UniqueId } from "../../../formats/ids.ts";
import type { Mail } from "../../../ops/index.ts";
import type { MailboxHeader, Snapshot, UidMap } from "../../../store/index.ts";
import { nextTurn, SLICE_MILLISECONDS } from "../../../base/turns.ts";
import { FlagText } from "./flag-text.ts";
import type { News } from "./follow-state.ts";

/** A session that wants to hear of changes while it is in IDLE. */
export interface Watcher {
  /** True while the session is in IDLE. */
  readonly isWaiting: boolean;
  /** Tells the client what changed. @returns true when that took next to no time */
  push(snapshot: Snapshot, news: News): boolean;
}

export class SharedMailbox {
  readonly uniqueId: UniqueId;
  readonly mbox: number;
  readonly watchers = new Set<Watcher>();
  /** Highest uid that a session of this process has taken as \Recent: by userid, "" where the owner's or shared. */
  readonly recentClaims = new Map<string, number>();
  readonly #mail: Mail;
  #membership = -1;
  #map: UidMap | undefined;
  #flagText: FlagText = new FlagText([]);
  #flagKey = "";
  #unwatch: (() => void) | undefined;
  #pushing = false;
  /** How often `changed` was called. */
  newsCount = 0;
  #again = false;

  constructor(mail: Mail, uniqueId: UniqueId, mbox: number) {
    this.#mail = mail;
    this.uniqueId = uniqueId;
    this.mbox = mbox;
  }

  /** Whether the mailbox is small enough to be kept when nobody has it selected. */
  get isSmall(): boolean {
    return this.#map === undefined || this.#map.runCount <= MAX_LEFT_RUNS;
  }

  /** The map of that state of the mailbox; the same object for all sessions that see it. */
  map(snapshot: Snapshot, header: MailboxHeader): UidMap {
    if (this.#map === undefined || this.#membership !== header.membership) {
      this.#map = snapshot.uidMap(header);
      this.#membership = header.membership;
    }
    return this.#map;
  }

  /** Flag text for the header's flag table; the same object as long as the table does not change. */
  flagText({ flagNames }: MailboxHeader): FlagText {
    const key = flagNames.join(" ");
    if (key !== this.#flagKey || flagNames.length !== this.#flagText.names.length) {
      this.#flagText = new FlagText(flagNames);
      this.#flagKey = key;
    }
    return this.#flagText;
  }

  add(watcher: Watcher): void {
    this.watchers.add(watcher);
    this.#unwatch ??= this.#mail.watch(this.uniqueId, () => this.changed());
  }

  /** @returns true when nobody is left */
  remove(watcher: Watcher): boolean {
    this.watchers.delete(watcher);
    if (this.watchers.size > 0) return false;
    this.#unwatch?.();
    this.#unwatch = undefined;
    return true;
  }

  /** Something about the mailbox changed, or may have: sessions in IDLE are told, soon. */
  changed(): void {
    this.newsCount++;
    this.#again = true;
    if (this.#pushing) return;
    this.#pushing = true;
    void this.#pushAll();
  }

  async #pushAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const waiting: Watcher[] = [];
      // Who enters IDLE later looks for news by itself; without anybody in it the change costs no snapshot.
      for (const watcher of this.watchers) if (watcher.isWaiting) waiting.push(watcher);
      for (let at = 0; at < waiting.length; ) {
        const until = performance.now() + SLICE_MILLISECONDS;
        at = this.#mail.view((snapshot) => {
          const news: News = { header: snapshot.header(this.mbox), lines: new Map() };
          let next = at;
          while (next < waiting.length) {
            const watcher = waiting[next++]!;
            const wasQuick = !watcher.isWaiting || !this.watchers.has(watcher) || watcher.push(snapshot, news);
            if ((!wasQuick || (next & 7) === 0) && performance.now() > until) break;
          }
          return next;
        });
        if (at < waiting.length) await nextTurn();
      }
    }
    this.#pushing = false;
  }
}

/** Mailboxes whose maps are kept after the last session has left them, for the next one. */
const MAX_LEFT = 200;
/** Runs of a map that is kept; those of large fragmented mailboxes are made anew. */
const MAX_LEFT_RUNS = 10_000;

/** All mailboxes that sessions of the process have selected. */
export class MailboxHub {
  readonly #mail: Mail;
  readonly #boxes = new Map<UniqueId, SharedMailbox>();
  /** Of these nobody has them selected, in the order in which they were left. */
  readonly #left = new Set<SharedMailbox>();
  #pollTimer: NodeJS.Timeout | undefined;
  readonly #unwatchList: () => void;
  /** Counts news of the mailbox list: a session looks whether its mailbox is still there when it has moved on. */
  listVersion = 0;

  /** @param pollMilliseconds how often sessions in IDLE are looked after without any news (`imapidlepoll`) */
  constructor(mail: Mail, pollMilliseconds: number) {
    this.#mail = mail;
    this.#unwatchList = mail.watchList(() => {
      this.listVersion++;
      this.#changedAll();
    });
    if (pollMilliseconds > 0) this.#pollTimer = setInterval(() => this.#changedAll(), pollMilliseconds).unref();
  }

  open(uniqueId: UniqueId, mbox: number): SharedMailbox {
    const known = this.#boxes.get(uniqueId);
    if (known !== undefined && known.mbox === mbox) return known;
    const box = new SharedMailbox(this.#mail, uniqueId, mbox);
    this.#boxes.set(uniqueId, box);
    this.#left.add(box);
    this.#forget();
    return box;
  }

  leave(box: SharedMailbox, watcher: Watcher): void {
    if (!box.remove(watcher) || this.#boxes.get(box.uniqueId) !== box) return;
    if (box.isSmall) this.#left.add(box);
    else this.#boxes.delete(box.uniqueId);
    this.#forget();
  }

  /** A session has selected the mailbox. */
  enter(box: SharedMailbox, watcher: Watcher): void {
    this.#left.delete(box);
    box.add(watcher);
  }

  /** Lets go of the mailboxes that were left longest ago. */
  #forget(): void {
    for (const box of this.#left) {
      if (this.#left.size <= MAX_LEFT) return;
      this.#left.delete(box);
      if (this.#boxes.get(box.uniqueId) === box) this.#boxes.delete(box.uniqueId);
    }
  }

  close(): void {
    clearInterval(this.#pollTimer);
    this.#unwatchList();
  }

  #changedAll(): void {
    for (const box of this.#boxes.values()) if (box.watchers.size > 0) box.changed();
  }
}
