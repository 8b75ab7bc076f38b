/** Watches mailboxes by name. A name may stand for another mailbox after a rename, or for none: the list says so. */
import type { MboxName, UniqueId } from "../../formats/ids.ts";
import type { Mail } from "../../ops/index.ts";

/** The part of Mail that is needed here. */
export type WatchedMail = Pick<Mail, "view" | "watch" | "watchList">;

interface Watch {
  box: UniqueId | undefined;
  end: () => void;
}

/** Names looked up between turns for others. */
const NAMES_A_STEP = 200;

export class MailboxWatches {
  readonly #mail: WatchedMail;
  readonly #changed: (name: string) => void;
  readonly #watches = new Map<string, Watch>();
  readonly #endList: () => void;
  #looking: Iterator<string> | undefined;
  /** The list changed while it was looked at. */
  #again = false;

  /** @param changed called after each change of a watched mailbox; more than once for one change, now and then */
  constructor(mail: WatchedMail, changed: (name: string) => void) {
    this.#mail = mail;
    this.#changed = changed;
    this.#endList = mail.watchList(() => this.#lookAgain());
  }

  get size(): number {
    return this.#watches.size;
  }

  watch(name: string): void {
    if (this.#watches.has(name)) return;
    const watch: Watch = { box: undefined, end: () => {} };
    this.#watches.set(name, watch);
    this.#follow(name, watch);
  }

  unwatch(name: string): void {
    this.#watches.get(name)?.end();
    this.#watches.delete(name);
  }

  close(): void {
    this.#endList();
    for (const { end } of this.#watches.values()) end();
    this.#watches.clear();
  }

  /** @returns true when the name stands for another mailbox than before */
  #follow(name: string, watch: Watch): boolean {
    const box = this.#mail.view((snapshot) => snapshot.entry(name as MboxName)?.uniqueId);
    if (box === watch.box) return false;
    watch.end();
    watch.box = box;
    watch.end = box === undefined ? () => {} : this.#mail.watch(box, () => this.#changed(name));
    return true;
  }

  #lookAgain(): void {
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    this.#looking = this.#watches.keys();
    setImmediate(() => this.#lookAtSome());
  }

  #lookAtSome(): void {
    for (let count = 0; count < NAMES_A_STEP; count++) {
      const next = this.#looking?.next();
      if (next === undefined || next.done === true) {
        this.#looking = undefined;
        if (this.#again) {
          this.#again = false;
          this.#lookAgain();
        }
        return;
      }
      const watch = this.#watches.get(next.value);
      if (watch !== undefined && this.#follow(next.value, watch)) this.#changed(next.value);
    }
    setImmediate(() => this.#lookAtSome());
  }
}
