/** What all sessions of the process that have one mailbox selected share: maps, flag text, claims of \Recent, and the watch for changes. */
import type { UniqueId } from "../../../formats/ids.ts";
import type { Mail } from "../../../ops/index.ts";
import type { MailboxHeader, Snapshot, UidMap } from "../../../store/index.ts";
import { nextTurn, SLICE_MILLISECONDS } from "../output.ts";
import { FlagText } from "./flag-text.ts";

/** A session that wants to hear of changes while it is in IDLE. */
export interface Watcher {
  /** True while the session is in IDLE. */
  readonly isWaiting: boolean;
  /** Tells the client what changed. `lines` keeps what was built for others in the same turn. */
  push(snapshot: Snapshot, lines: Map<string, Buffer>): void;
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
  #again = false;

  constructor(mail: Mail, uniqueId: UniqueId, mbox: number) {
    this.#mail = mail;
    this.uniqueId = uniqueId;
    this.mbox = mbox;
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
    this.#map = undefined;
    return true;
  }

  /** Something about the mailbox changed, or may have: sessions in IDLE are told, soon. */
  changed(): void {
    this.#again = true;
    if (this.#pushing) return;
    this.#pushing = true;
    void this.#pushAll();
  }

  async #pushAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const waiting = [...this.watchers];
      for (let at = 0; at < waiting.length; ) {
        const until = performance.now() + SLICE_MILLISECONDS;
        at = this.#mail.view((snapshot) => {
          const lines = new Map<string, Buffer>();
          let next = at;
          while (next < waiting.length) {
            const watcher = waiting[next++]!;
            if (watcher.isWaiting && this.watchers.has(watcher)) watcher.push(snapshot, lines);
            if ((next & 7) === 0 && performance.now() > until) break;
          }
          return next;
        });
        if (at < waiting.length) await nextTurn();
      }
    }
    this.#pushing = false;
  }
}

/** All mailboxes that sessions of the process have selected. */
export class MailboxHub {
  readonly #mail: Mail;
  readonly #boxes = new Map<UniqueId, SharedMailbox>();
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
    let box = this.#boxes.get(uniqueId);
    if (box === undefined) this.#boxes.set(uniqueId, (box = new SharedMailbox(this.#mail, uniqueId, mbox)));
    return box;
  }

  leave(box: SharedMailbox, watcher: Watcher): void {
    if (box.remove(watcher) && this.#boxes.get(box.uniqueId) === box) this.#boxes.delete(box.uniqueId);
  }

  close(): void {
    clearInterval(this.#pollTimer);
    this.#unwatchList();
  }

  #changedAll(): void {
    for (const box of this.#boxes.values()) box.changed();
  }
}
