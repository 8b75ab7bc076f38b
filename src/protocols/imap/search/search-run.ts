/** One SEARCH at work: each message is decided with as little as will do, rows before records before contents. */
import type { UidRange } from "../../../formats/ids.ts";
import { refuse } from "../../../ops/index.ts";
import { type CachePlace, type MessageLocation, MessageMissing } from "../../../store/index.ts";
import { CacheRecords } from "../fetch/cache-records.ts";
import { MessageOctets } from "../fetch/message-octets.ts";
import { RowCursor } from "../fetch/rows.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import { UidWalk } from "../mailbox/uid-set.ts";
import type { ImapSession } from "../core.ts";
import type { Canonical } from "./canonical.ts";
import { Needs, type Test } from "./compile.ts";
import { searchMilliseconds } from "./flag-scan.ts";
import { contentsHave, headerHas, recordHeaderHas } from "./message-text.ts";

/** Messages between looks at the clock, where there are few keys. */
const MESSAGES_A_LOOK = 64;
/** Keys that are held against messages between looks at the clock: some 1 ms of work. */
const KEYS_A_LOOK = 1_024;

/** Messages between looks at the clock: the fewer, the more keys a SEARCH has. */
export function messagesALook(test: Test): number {
  return Math.max(1, Math.min(MESSAGES_A_LOOK, Math.floor(KEYS_A_LOOK / keyCount(test))));
}

/** Tests are nested no deeper than the parser lets them be. */
function keyCount(test: Test): number {
  if (test.kind === "not") return keyCount(test.test);
  if (test.kind !== "and" && test.kind !== "or") return 1;
  return test.tests.reduce((sum, each) => sum + keyCount(each), 1);
}

export class SearchRun {
  readonly #session: ImapSession;
  readonly #selected: SelectedMailbox;
  readonly #test: Test;
  readonly #canonical: Canonical;
  readonly #cursor: RowCursor;
  readonly #walks = new Map<Test, UidWalk>();
  #octets: MessageOctets | undefined;
  #records: CacheRecords | undefined;
  #partition = "";
  #seen = new UidWalk([]);
  #recent = new UidWalk([]);
  // The message at hand.
  #uid = 0;
  readonly #place: CachePlace = { cacheLength: 0, cacheOffset: 0, cacheCrc: 0, cacheVersion: 0, cacheGeneration: 0 };
  /** Its cache record, from `#base` on. */
  #record: Buffer | undefined;
  #base = 0;

  constructor(session: ImapSession, selected: SelectedMailbox, test: Test, canonical: Canonical) {
    this.#session = session;
    this.#selected = selected;
    this.#test = test;
    this.#canonical = canonical;
    this.#cursor = new RowCursor(selected.shared.mbox, test.needs >= Needs.cold);
  }

  /**
   * Calls `found` with seqno and uid of each message that matches, in order. @returns false when the client is gone
   * @throws MailError searchTooSlow, after `search_maxtime`
   */
  async run(found: (seqno: number, uid: number) => void): Promise<boolean> {
    const { map } = this.#selected;
    const { out } = this.#session;
    const messages = messagesALook(this.#test);
    out.startSlice();
    const endsBy = performance.now() + searchMilliseconds(this.#session);
    try {
      let seqno = 0;
      for (let n = 0; n < map.runCount; n++) {
        const run = map.run(n);
        for (let uid = run.first; uid <= run.last; ) {
          const end = this.#load({ first: uid, last: run.last });
          for (; uid <= end; uid++) {
            seqno++;
            const isMatch = this.#message(uid);
            if (isMatch === true || (isMatch !== false && (await isMatch))) found(seqno, uid);
            if (seqno % messages !== 0 && !(isMatch instanceof Promise)) continue;
            if (performance.now() > endsBy) refuse("searchTooSlow");
            if (out.isDue() && (!(await out.rest()) || this.#session.isEnding)) return false;
          }
        }
      }
    } finally {
      this.#octets?.close();
      this.#octets?.forget();
      this.#records?.close();
      this.#records = undefined;
    }
    return true;
  }

  #load(range: UidRange): number {
    const selected = this.#selected;
    return this.#session.view((snapshot) => {
      this.#seen = new UidWalk(selected.readSeen(snapshot));
      this.#recent = new UidWalk(selected.recent);
      if (this.#partition === "") this.#partition = snapshot.entryByUniqueId(selected.uniqueId)?.partition ?? "";
      return this.#cursor.load(snapshot, range);
    });
  }

  #message(uid: number): boolean | Promise<boolean> {
    if (!this.#cursor.seek(uid)) return false;
    this.#uid = uid;
    this.#record = undefined;
    return this.#decide(Needs.hot) ?? this.#further();
  }

  /** With what is at hand up to `level`. @returns undefined when that does not decide */
  #decide(level: Needs): boolean | undefined {
    return this.#evaluate(this.#test, level);
  }

  #further(): boolean | Promise<boolean> {
    const byRows = this.#decide(Needs.cold);
    if (byRows !== undefined) return byRows;
    const records = this.#cacheRecords();
    if (records.now(this.#cursor.cold!.cachePlace(this.#cursor.coldIndex, this.#place))) {
      this.#record = records.octets;
      this.#base = records.base;
      const byRecord = this.#decide(Needs.record);
      if (byRecord !== undefined) return byRecord;
    }
    return this.#withMessage();
  }

  async #withMessage(): Promise<boolean> {
    this.#octets ??= new MessageOctets(this.#selected.mail);
    const octets = this.#octets;
    const { cold, coldIndex } = this.#cursor;
    octets.begin(this.#location(this.#uid, cold!.sizeOctets(coldIndex), cold!.blobPlace(coldIndex)));
    try {
      const { octets: window, base } = this.#cacheRecords();
      this.#record =
        this.#record === undefined
          ? await this.#cacheRecords().later(this.#place, octets)
          : window.subarray(base, base + this.#place.cacheLength);
      this.#base = 0;
      return await this.#evaluateAll(this.#test, octets);
    } catch (error) {
      if (!(error instanceof MessageMissing)) throw error;
      const { service, sessionId } = this.#session;
      if (!this.#cursor.isExpunged) service.context.log.err(`IOERROR: ${error.message}`, { sessionid: sessionId });
      return false;
    } finally {
      octets.close();
    }
  }

  #evaluate(test: Test, level: Needs): boolean | undefined {
    switch (test.kind) {
      case "and":
      case "or": {
        const decides = test.kind === "or";
        let isOpen = false;
        for (const each of test.tests) {
          const value = this.#evaluate(each, level);
          if (value === decides) return decides;
          if (value === undefined) isOpen = true;
        }
        return isOpen ? undefined : !decides;
      }
      case "not": {
        const value = this.#evaluate(test.test, level);
        return value === undefined ? undefined : !value;
      }
      default:
        return test.needs > level ? undefined : this.#leaf(test);
    }
  }

  #leaf(test: Test): boolean | undefined {
    const { hot, hotIndex } = this.#cursor;
    switch (test.kind) {
      case "constant":
        return test.value;
      case "uids": {
        let walk = this.#walks.get(test);
        if (walk === undefined) this.#walks.set(test, (walk = new UidWalk(test.ranges)));
        return walk.has(this.#uid);
      }
      case "flag": {
        const system = this.#selected.systemFlags(hot!.flags(hotIndex), this.#uid, this.#seen, this.#recent);
        return ((system & test.bit) !== 0) === test.set;
      }
      case "keyword": {
        const words = hot!.view.getUint32(hot!.at(hotIndex) + 24 + 4 * test.word, true);
        return ((words & test.mask) !== 0) === test.set;
      }
      case "modseq":
        return hot!.modseq(hotIndex) >= test.atLeast;
      case "time": {
        const { cold, coldIndex } = this.#cursor;
        const seconds = test.field === "internalDate" ? cold!.internalDate(coldIndex) : cold!.sentDate(coldIndex);
        return seconds >= test.from && seconds < test.to;
      }
      case "size": {
        const sizeOctets = this.#cursor.cold!.sizeOctets(this.#cursor.coldIndex);
        return sizeOctets >= test.from && sizeOctets < test.to;
      }
      case "header":
        return recordHeaderHas(this.#record!, this.#base, test.fields, test.needle, this.#canonical);
      default:
        return undefined;
    }
  }

  /** With the message at hand. */
  async #evaluateAll(test: Test, octets: MessageOctets): Promise<boolean> {
    switch (test.kind) {
      case "and":
      case "or": {
        const decides = test.kind === "or";
        for (const each of test.tests) if ((await this.#evaluateAll(each, octets)) === decides) return decides;
        return !decides;
      }
      case "not":
        return !(await this.#evaluateAll(test.test, octets));
      case "contents":
        return contentsHave(this.#record!, octets, test.headers, test.needle, this.#canonical, () => this.#turn());
      default:
        return (
          this.#leaf(test) ??
          (test.kind === "header"
            ? headerHas(
                this.#cursor.cold!.headerSizeOctets(this.#cursor.coldIndex),
                octets,
                test.fields,
                test.needle,
                this.#canonical,
                () => this.#turn(),
              )
            : false)
        );
    }
  }

  #turn(): Promise<unknown> | undefined {
    const { out } = this.#session;
    return out.isDue() ? out.rest() : undefined;
  }

  #location(uid: number, sizeOctets: number, blobPlace: number): MessageLocation {
    const { shared, uniqueId } = this.#selected;
    return { mbox: shared.mbox, uniqueId, partition: this.#partition, uid, sizeOctets, blobPlace };
  }

  #cacheRecords(): CacheRecords {
    return (this.#records ??= new CacheRecords(this.#session.service, {
      partition: this.#partition,
      uniqueId: this.#selected.uniqueId,
    }));
  }
}
