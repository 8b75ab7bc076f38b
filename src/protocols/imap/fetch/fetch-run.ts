/** One FETCH at work: rows in batches, lines straight into the output, a rest whenever it is due. */
import type { UidRange } from "../../../formats/ids.ts";
import { FetchLine, flagsUidLine, type NumberRange } from "../../../formats/imap/index.ts";
import {
  cacheFieldPlaces,
  cacheItem,
  cacheSection,
  type FieldPlaces,
  type FieldSet,
  headerFields,
  type Range,
} from "../../../formats/mime/index.ts";
import { type CachePlace, type MessageLocation, MessageMissing } from "../../../store/index.ts";
import { localZoneMinutes } from "../zone.ts";
import type { SelectedMailbox } from "../mailbox/selected-mailbox.ts";
import { UidWalk } from "../mailbox/uid-set.ts";
import type { Output } from "../output.ts";
import type { ImapSession } from "../core.ts";
import { CacheRecords } from "./cache-records.ts";
import { MessageOctets } from "./message-octets.ts";
import type { BodyItem, FetchPlan, RowItem } from "./plan.ts";
import { RowCursor } from "./rows.ts";

/** Lines between looks at the clock. */
const LINES_A_LOOK = 32;
/** Room for the space before an item, ` {4294967295}` CRLF, and what the writer wants to have left when it writes a number. */
const HEAD_OCTETS = 64;
const NO_UIDS: readonly UidRange[] = [];

export class FetchRun {
  readonly #session: ImapSession;
  readonly #selected: SelectedMailbox;
  readonly #plan: FetchPlan;
  readonly #out: Output;
  readonly #line: FetchLine;
  readonly #cursor: RowCursor;
  readonly #range: Range = { start: 0, end: 0 };
  readonly #fieldPlaces: FieldPlaces = { bounds: [], length: 0 };
  readonly #place: CachePlace = { cacheLength: 0, cacheOffset: 0, cacheCrc: 0, cacheVersion: 0, cacheGeneration: 0 };
  #octets: MessageOctets | undefined;
  #records: CacheRecords | undefined;
  #partition = "";
  #seen = new UidWalk(NO_UIDS);
  #recent = new UidWalk(NO_UIDS);
  /** Messages whose \Seen this FETCH has set: their flags are shown. */
  #marked = new UidWalk(NO_UIDS);
  /** A message that is in view could not be read. */
  damaged = 0;

  constructor(session: ImapSession, selected: SelectedMailbox, plan: FetchPlan) {
    this.#session = session;
    this.#selected = selected;
    this.#plan = plan;
    this.#out = session.out;
    this.#line = new FetchLine(session.out);
    this.#cursor = new RowCursor(selected.shared.mbox, plan.needsCold);
  }

  /** @returns false when the client is gone */
  async run(seqnos: readonly NumberRange[], marked: readonly UidRange[]): Promise<boolean> {
    this.#marked = new UidWalk(marked);
    const { map } = this.#selected;
    try {
      for (const { first, last } of seqnos) {
        // uidRanges would make all runs of a fragmented mailbox at once; a piece of it is enough at a time.
        for (let seqno = first; seqno <= last; ) {
          const until = Math.min(last, seqno + 9_999);
          for (const uids of map.uidRanges(seqno, until)) {
            if (!(await this.#uids(uids, seqno))) return false;
            seqno += uids.last - uids.first + 1;
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

  async #uids(uids: UidRange, firstSeqno: number): Promise<boolean> {
    const seqnoOf = firstSeqno - uids.first;
    for (let uid = uids.first; uid <= uids.last; ) {
      const end = this.#load({ first: uid, last: uids.last });
      if (this.#isFast) {
        this.#fastLines(uid, end, seqnoOf);
        uid = end + 1;
        if (this.#out.isDue() && !(await this.#out.rest())) return false;
        continue;
      }
      for (; uid <= end; uid++) {
        if (!this.#cursor.seek(uid)) continue;
        const waiting = this.#message(uid, uid + seqnoOf, end);
        if (waiting !== undefined) await waiting;
        if ((uid % LINES_A_LOOK === 0 || this.#plan.bodies.length > 0) && this.#out.isDue()) {
          if (!(await this.#out.rest()) || this.#session.isEnding) return false;
        }
      }
    }
    return true;
  }

  #load(range: UidRange): number {
    const selected = this.#selected;
    return this.#session.view((snapshot) => {
      this.#seen = new UidWalk(selected.readSeen(snapshot));
      this.#recent = new UidWalk(selected.recent);
      if (this.#plan.needsCold && this.#partition === "") {
        this.#partition = snapshot.entryByUniqueId(selected.uniqueId)?.partition ?? "";
      }
      return this.#cursor.load(snapshot, range);
    });
  }

  /** FETCH (UID FLAGS), the most frequent bulk reply. */
  get #isFast(): boolean {
    const { flags, uid, needsCold, rows } = this.#plan;
    return flags && uid && !needsCold && rows.length === 0;
  }

  #fastLines(from: number, end: number, seqnoOf: number): void {
    const cursor = this.#cursor;
    const out = this.#out;
    const selected = this.#selected;
    const { flagText } = selected;
    for (let uid = from; uid <= end; uid++) {
      if (!cursor.seek(uid)) continue;
      const { view } = cursor.hot!;
      const at = cursor.hot!.at(cursor.hotIndex);
      const system = selected.systemFlags(view.getUint32(at + 4, true), uid, this.#seen, this.#recent);
      const piece = flagText.piece(
        system,
        view.getUint32(at + 24, true),
        view.getUint32(at + 28, true),
        view.getUint32(at + 32, true),
        view.getUint32(at + 36, true),
      );
      flagsUidLine(out, uid + seqnoOf, piece.flagsUid, uid);
    }
  }

  /** One line, at once where nothing has to be waited for. */
  #message(uid: number, seqno: number, batchEnd: number): Promise<void> | undefined {
    const plan = this.#plan;
    if (!plan.needsRecord) {
      if (plan.bodies.length > 0) return this.#bodyLine(uid, seqno, undefined, 0, batchEnd);
      this.#begin(uid, seqno);
      this.#line.end();
      return undefined;
    }
    const { cold, coldIndex } = this.#cursor;
    const records = (this.#records ??= this.#openRecords());
    if (!records.now(cold!.cachePlace(coldIndex, this.#place))) return this.#withLateRecord(uid, seqno, batchEnd);
    const { octets, base } = records;
    if (plan.bodies.length > 0) return this.#bodyLine(uid, seqno, octets, base, batchEnd);
    this.#begin(uid, seqno);
    this.#cacheItems(octets, base);
    this.#line.end();
    return undefined;
  }

  async #withLateRecord(uid: number, seqno: number, batchEnd: number): Promise<void> {
    const octets = this.#messageOctets(uid);
    try {
      const records = (this.#records ??= this.#openRecords());
      const record = await records.later(this.#place, octets);
      await this.#bodyLine(uid, seqno, record, 0, batchEnd);
    } catch (error) {
      this.#missing(error);
    } finally {
      octets.close();
    }
  }

  /** `* n FETCH (` and the items of the rows. */
  #begin(uid: number, seqno: number): void {
    const line = this.#line;
    const plan = this.#plan;
    const { hot, hotIndex } = this.#cursor;
    line.begin(seqno);
    if (plan.flags || this.#marked.has(uid)) {
      const { view } = hot!;
      const at = hot!.at(hotIndex);
      const system = this.#selected.systemFlags(view.getUint32(at + 4, true), uid, this.#seen, this.#recent);
      const piece = this.#selected.flagText.piece(
        system,
        view.getUint32(at + 24, true),
        view.getUint32(at + 28, true),
        view.getUint32(at + 32, true),
        view.getUint32(at + 36, true),
      );
      line.piece(piece.flags);
    }
    if (plan.uid) line.number("UID", uid);
    for (const item of plan.rows) this.#rowItem(item);
  }

  #rowItem(item: RowItem): void {
    const line = this.#line;
    const { hot, hotIndex, cold, coldIndex } = this.#cursor;
    switch (item) {
      case "INTERNALDATE": {
        const date = cold!.internalDate(coldIndex);
        return line.date(item, date, localZoneMinutes(date));
      }
      case "MODSEQ":
        return line.numberInParens(item, hot!.modseq(hotIndex));
      case "RFC822.SIZE":
      case "RFC822.FILESIZE":
        return line.number(item, cold!.sizeOctets(coldIndex));
      case "DIGEST.SHA1":
        return line.word(item, hex(cold!.row(coldIndex).guid));
      case "EMAILID":
        return line.textInParens(item, `M${hex(cold!.row(coldIndex).guid).slice(0, 24)}`);
      case "THREADID": {
        const { cid } = cold!.row(coldIndex);
        return cid === NO_CID ? line.word(item, "NIL") : line.textInParens(item, `T${cid}`);
      }
      case "SAVEDATE": {
        const { saveDate } = cold!.row(coldIndex);
        return line.date(item, saveDate, localZoneMinutes(saveDate));
      }
      case "CID": {
        const { cid } = cold!.row(coldIndex);
        return line.word(item, cid === NO_CID ? "NIL" : cid);
      }
      case "CREATEDMODSEQ":
        return line.numberInParens(item, cold!.row(coldIndex).createdModseq);
      case "LASTUPDATED": {
        const seconds = hot!.view.getUint32(hot!.at(hotIndex) + 16, true);
        return line.date(item, seconds, localZoneMinutes(seconds));
      }
    }
  }

  #cacheItems(record: Buffer, base: number): void {
    const range = this.#range;
    const { cache } = this.#plan;
    for (let i = 0; i < cache.length; i++) {
      const { name, head } = cache[i]!;
      cacheItem(record, base, name, range);
      this.#line.value(head, record, range.start, range.end);
    }
  }

  /** A line with contents. The record is a part of its reader's window, which nothing moves before the line is done. */
  #bodyLine(
    uid: number,
    seqno: number,
    record: Buffer | undefined,
    base: number,
    batchEnd: number,
  ): Promise<void> | undefined {
    const { bodies, readsMessage } = this.#plan;
    const octets = this.#messageOctets(uid);
    try {
      // A message that is not there has no line.
      if (readsMessage) octets.open();
    } catch (error) {
      this.#missing(error);
      return undefined;
    }
    this.#begin(uid, seqno);
    if (record !== undefined) this.#cacheItems(record, base);
    for (let i = 0; i < bodies.length; i++) {
      const waiting = this.#body(bodies[i]!, record, base, octets) ?? this.#restBetween(i, bodies.length);
      if (waiting !== undefined) return this.#restOfBodies(waiting, i + 1, uid, record, base, octets, batchEnd);
    }
    this.#line.end();
    octets.close();
    return undefined;
  }

  /** The first item that had to be waited for, and those after it. What is cold may be followed by more that is. */
  async #restOfBodies(
    first: Promise<void>,
    next: number,
    uid: number,
    record: Buffer | undefined,
    base: number,
    octets: MessageOctets,
    batchEnd: number,
  ): Promise<void> {
    this.#readAhead(uid + 1, batchEnd, octets);
    try {
      await first;
      const { bodies } = this.#plan;
      for (let i = next; i < bodies.length; i++) {
        // A client that has gone away gets no more of them read.
        if (!this.#session.connection.open) return;
        await (this.#body(bodies[i]!, record, base, octets) ?? this.#restBetween(i, bodies.length));
      }
      this.#line.end();
    } finally {
      octets.close();
    }
  }

  /** One message may be asked for a thousand times over in one command: a rest between the items of its line, where one is due. */
  #restBetween(index: number, count: number): Promise<void> | undefined {
    if (index + 1 >= count || !this.#out.isDue()) return undefined;
    this.#out.flush();
    return this.#out.rest().then(() => undefined);
  }

  /** @returns a promise when the octets must be waited for */
  #body(item: BodyItem, record: Buffer | undefined, base: number, octets: MessageOctets): Promise<void> | undefined {
    const { octets: wanted, label, partial } = item;
    const { cold, coldIndex } = this.#cursor;
    const range = this.#range;
    range.start = 0;
    range.end = cold!.sizeOctets(coldIndex);
    switch (wanted.kind) {
      case "whole":
        break;
      case "header":
        range.end = cold!.headerSizeOctets(coldIndex);
        break;
      case "text":
        range.start = cold!.headerSizeOctets(coldIndex);
        break;
      case "section":
        if (cacheSection(record!, base, wanted.path, wanted.part, range)) break;
        this.#line.word(label, "NIL");
        return undefined;
      case "fields":
        return this.#fields(item, wanted, record!, base, octets);
    }
    cut(range, partial);
    return this.#octetsItem(item, range.start, range.end, octets);
  }

  #octetsItem(item: BodyItem, start: number, end: number, octets: MessageOctets): Promise<void> | undefined {
    const out = this.#out;
    const line = this.#line;
    const size = end - start;
    if (size === 0) {
      line.word(item.label, '""');
      return undefined;
    }
    const room = item.head.length + HEAD_OCTETS + size;
    if (room > this.#session.service.pool.chunkOctets) return this.#largeBody(item, start, end, octets);
    out.reserve(room);
    // Read behind the literal's head, which is taken back when the octets are not there.
    const before = out.unflushedOctets;
    const wasFirst = line.isEmpty;
    line.literalHead(item.head, size);
    let isThere = false;
    try {
      isThere = octets.fillNow(out.chunk, start, out.unflushedOctets, out.unflushedOctets + size);
      if (!isThere) line.takeBack(out.unflushedOctets - before, wasFirst);
    } catch (error) {
      line.takeBack(out.unflushedOctets - before, wasFirst);
      this.#missingItem(item.label, error);
      return undefined;
    }
    if (!isThere) return this.#lateBody(item, start, end, octets);
    out.advance(size);
    return undefined;
  }

  /** Chosen header fields: from the record, or from the message when the record does not hold them all. */
  #fields(
    item: BodyItem,
    { path, fields }: Extract<BodyItem["octets"], { kind: "fields" }>,
    record: Buffer,
    base: number,
    octets: MessageOctets,
  ): Promise<void> | undefined {
    const out = this.#out;
    const { label, partial } = item;
    if (path !== "") {
      const range = this.#range;
      if (cacheSection(record, base, path, "HEADER", range))
        return this.#fieldsOfMessage(item, fields, range.start, range.end, octets);
      this.#line.word(label, "NIL");
      return undefined;
    }
    const places = this.#fieldPlaces;
    const size = partial === undefined ? cacheFieldPlaces(record, base, fields, places) : -1;
    if (size >= 0) {
      const { bounds, length } = places;
      this.#line.literalHead(item.head, size);
      for (let i = 0; i < length; i += 2) out.part(record, bounds[i]!, bounds[i + 1]!);
      out.crlf();
      return undefined;
    }
    const { cold, coldIndex } = this.#cursor;
    return this.#fieldsOfMessage(item, fields, 0, cold!.headerSizeOctets(coldIndex), octets);
  }

  async #fieldsOfMessage(
    { label, head, partial }: BodyItem,
    fields: FieldSet,
    start: number,
    end: number,
    octets: MessageOctets,
  ): Promise<void> {
    const { maxheaderlines } = this.#session.service.context.config;
    try {
      const chosen = headerFields(await octets.read(start, end), fields, { maxheaderlines });
      const range = cut({ start: 0, end: chosen.length }, partial);
      if (range.start === range.end) return this.#line.word(label, '""');
      this.#line.literalHead(head, range.end - range.start);
      this.#out.octets(chosen.subarray(range.start, range.end));
    } catch (error) {
      this.#missingItem(label, error);
    }
  }

  async #lateBody({ label, head }: BodyItem, start: number, end: number, octets: MessageOctets): Promise<void> {
    const target = Buffer.allocUnsafe(end - start);
    try {
      await octets.fill(target, start);
    } catch (error) {
      return this.#missingItem(label, error);
    }
    this.#line.literalHead(head, target.length);
    this.#out.octets(target);
  }

  /** A body larger than a chunk, in pieces; it is never in memory as a whole. */
  async #largeBody({ head }: BodyItem, start: number, end: number, octets: MessageOctets): Promise<void> {
    const out = this.#out;
    const { chunkOctets } = this.#session.service.pool;
    this.#line.literalHead(head, end - start);
    out.flush();
    for (let at = start; at < end; ) {
      const size = Math.min(chunkOctets, end - at);
      const target = out.reserve(size).subarray(0, size);
      try {
        if (!octets.fillNow(target, at)) await octets.fill(target, at);
      } catch (error) {
        // The client was promised octets that are not there: nothing but an end can follow.
        this.#session.connection.destroy();
        throw error;
      }
      out.advance(size).flush();
      at += size;
      if (out.isDue() && !(await out.rest())) return;
    }
  }

  #readAhead(from: number, to: number, octets: MessageOctets): void {
    const { cold } = this.#cursor;
    if (cold === undefined) return;
    const locations: MessageLocation[] = [];
    for (let i = cold.lowerBound(from); i < cold.count && cold.uid(i) <= to; i++) {
      const uid = cold.uid(i);
      if (this.#selected.map.seqnoOf(uid) > 0)
        locations.push(this.#location(uid, cold.sizeOctets(i), cold.blobPlace(i)));
    }
    octets.readAhead(locations);
  }

  #location(uid: number, sizeOctets: number, blobPlace: number): MessageLocation {
    const { shared, uniqueId } = this.#selected;
    return { mbox: shared.mbox, uniqueId, partition: this.#partition, uid, sizeOctets, blobPlace };
  }

  #messageOctets(uid: number): MessageOctets {
    const { cold, coldIndex } = this.#cursor;
    this.#octets ??= new MessageOctets(this.#selected.mail);
    this.#octets.begin(this.#location(uid, cold!.sizeOctets(coldIndex), cold!.blobPlace(coldIndex)));
    return this.#octets;
  }

  #openRecords(): CacheRecords {
    return new CacheRecords(this.#session.service, {
      partition: this.#partition,
      uniqueId: this.#selected.uniqueId,
    });
  }

  /** An item whose octets turn out to be missing when its line has begun: NIL, as for a section that is not there. */
  #missingItem(label: string, error: unknown): void {
    this.#missing(error);
    this.#line.word(label, "NIL");
  }

  /** A message without octets. One that was expunged has simply gone; any other is a damage that the log tells of. */
  #missing(error: unknown): void {
    if (!(error instanceof MessageMissing)) throw error;
    if (this.#cursor.isExpunged) return;
    this.damaged++;
    this.#session.service.context.log.err(`IOERROR: ${error.message}`, { sessionid: this.#session.sessionId });
  }
}

/** Cuts a range to the part asked for. */
function cut(range: Range, partial: BodyItem["partial"]): Range {
  if (partial === undefined) return range;
  range.start = Math.min(range.end, range.start + partial.offset);
  range.end = Math.min(range.end, range.start + partial.length);
  return range;
}

const NO_CID = "0000000000000000";

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("hex");
}
