/** One FETCH at work: rows in batches, lines straight into the output, a rest whenever it is due. */
import type { UidRange } from "../../../formats/ids.ts";
import { FetchLine, flagsUidLine, type NumberRange } from "../../../formats/imap/index.ts";
import {
  cacheHeaderFields,
  cacheHeaderFieldsRoom,
  cacheItem,
  cacheSection,
  headerFields,
  type Range,
} from "../../../formats/mime/index.ts";
import { type ColdRow, type MessageLocation, MessageMissing } from "../../../store/index.ts";
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
/** Room for ` {4294967295}` CRLF and the space before an item. */
const HEAD_OCTETS = 20;
const NO_UIDS: readonly UidRange[] = [];

export class FetchRun {
  readonly #session: ImapSession;
  readonly #selected: SelectedMailbox;
  readonly #plan: FetchPlan;
  readonly #out: Output;
  readonly #line: FetchLine;
  readonly #cursor: RowCursor;
  readonly #range: Range = { start: 0, end: 0 };
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
    const { cold, coldIndex } = this.#cursor;
    const row = this.#plan.needsCold ? cold!.row(coldIndex) : undefined;
    if (this.#plan.bodies.length > 0) return this.#withBodies(uid, seqno, row!, batchEnd);
    if (!this.#plan.needsRecord) {
      this.#begin(uid, seqno, row);
      this.#line.end();
      return undefined;
    }
    const record = this.#cacheRecords().now(row!);
    if (record === undefined) return this.#withLateRecord(uid, seqno, row!);
    this.#begin(uid, seqno, row);
    this.#cacheItems(record);
    this.#line.end();
    return undefined;
  }

  async #withLateRecord(uid: number, seqno: number, row: ColdRow): Promise<void> {
    const octets = this.#messageOctets(uid, row);
    try {
      const record = await this.#cacheRecords().later(row, octets);
      this.#begin(uid, seqno, row);
      this.#cacheItems(record);
      this.#line.end();
    } catch (error) {
      this.#missing(error);
    }
  }

  /** `* n FETCH (` and the items of the rows. */
  #begin(uid: number, seqno: number, row: ColdRow | undefined): void {
    const line = this.#line;
    const plan = this.#plan;
    const { hot, hotIndex } = this.#cursor;
    line.begin(seqno);
    if (plan.flags || this.#marked.has(uid)) {
      const { view } = hot!;
      const at = hot!.at(hotIndex);
      const system = this.#selected.systemFlags(view.getUint32(at + 4, true), uid, this.#seen, this.#recent);
      const words = [
        view.getUint32(at + 24, true),
        view.getUint32(at + 28, true),
        view.getUint32(at + 32, true),
        view.getUint32(at + 36, true),
      ] as const;
      line.piece(this.#selected.flagText.piece(system, ...words).flags);
    }
    if (plan.uid) line.number("UID", uid);
    for (const item of plan.rows) this.#rowItem(item, row);
  }

  #rowItem(item: RowItem, row: ColdRow | undefined): void {
    const line = this.#line;
    const { hot, hotIndex } = this.#cursor;
    switch (item) {
      case "INTERNALDATE":
        return line.date(item, row!.internalDate, localZoneMinutes(row!.internalDate));
      case "MODSEQ":
        return line.numberInParens(item, hot!.modseq(hotIndex));
      case "RFC822.SIZE":
      case "RFC822.FILESIZE":
        return line.number(item, row!.sizeOctets);
      case "DIGEST.SHA1":
        return line.word(item, hex(row!.guid));
      case "EMAILID":
        return line.textInParens(item, `M${hex(row!.guid).slice(0, 24)}`);
      case "THREADID":
        return row!.cid === NO_CID ? line.word(item, "NIL") : line.textInParens(item, `T${row!.cid}`);
      case "SAVEDATE":
        return line.date(item, row!.saveDate, localZoneMinutes(row!.saveDate));
      case "CID":
        return line.word(item, row!.cid === NO_CID ? "NIL" : row!.cid);
      case "CREATEDMODSEQ":
        return line.numberInParens(item, row!.createdModseq);
      case "LASTUPDATED": {
        const seconds = hot!.view.getUint32(hot!.at(hotIndex) + 16, true);
        return line.date(item, seconds, localZoneMinutes(seconds));
      }
    }
  }

  #cacheItems(record: Buffer): void {
    for (const item of this.#plan.cache) {
      cacheItem(record, 0, item, this.#range);
      this.#line.value(item, record.subarray(this.#range.start, this.#range.end));
    }
  }

  async #withBodies(uid: number, seqno: number, row: ColdRow, batchEnd: number): Promise<void> {
    const octets = this.#messageOctets(uid, row);
    const plan = this.#plan;
    try {
      // A message that is not there must be found out before its line begins.
      const record = plan.needsRecord
        ? (this.#cacheRecords().now(row) ?? (await this.#cacheRecords().later(row, octets)))
        : undefined;
      // The record is a part of the reader's window; nothing else moves that before the line is done.
      const bodies = plan.bodies.map((item) => this.#locate(item, row, record));
      await this.#ready(bodies, octets, row, batchEnd);
      this.#begin(uid, seqno, row);
      if (record !== undefined) this.#cacheItems(record);
      for (const body of bodies) {
        const waiting = this.#body(body, octets);
        if (waiting !== undefined) await waiting;
      }
      this.#line.end();
    } catch (error) {
      this.#missing(error);
    } finally {
      octets.close();
    }
  }

  /** Where the octets of an item are. */
  #locate(item: BodyItem, row: ColdRow, record: Buffer | undefined): LocatedBody {
    const { octets, partial } = item;
    const range = this.#range;
    let start = 0;
    let end = row.sizeOctets;
    switch (octets.kind) {
      case "whole":
        break;
      case "header":
        end = row.headerSizeOctets;
        break;
      case "text":
        start = row.headerSizeOctets;
        break;
      case "section":
        if (!cacheSection(record!, 0, octets.path, octets.part, range))
          return { item, start: 0, end: -1, octets: undefined };
        ({ start, end } = range);
        break;
      case "fields": {
        if (octets.path === "") {
          const target = Buffer.allocUnsafe(cacheHeaderFieldsRoom(record!));
          const length = cacheHeaderFields(record!, 0, octets.fields, target, 0);
          if (length >= 0) return cut({ item, start: 0, end: length, octets: target.subarray(0, length) }, partial);
          return { item, start: 0, end: row.headerSizeOctets, octets: undefined };
        }
        if (!cacheSection(record!, 0, octets.path, "HEADER", range))
          return { item, start: 0, end: -1, octets: undefined };
        return { item, start: range.start, end: range.end, octets: undefined };
      }
    }
    return cut({ item, start, end, octets: undefined }, partial);
  }

  /** Reads what is needed before the line begins: chosen fields that the record does not hold; and the first octets of the rest, to know that they are there. */
  async #ready(bodies: LocatedBody[], octets: MessageOctets, row: ColdRow, batchEnd: number): Promise<void> {
    for (let i = 0; i < bodies.length; i++) {
      const body = bodies[i]!;
      const { item, start, end } = body;
      if (body.octets !== undefined || end < start) continue;
      if (item.octets.kind === "fields") {
        const header = await octets.read(start, end);
        const { maxheaderlines } = this.#session.service.context.config;
        const chosen = headerFields(header, item.octets.fields, { maxheaderlines });
        bodies[i] = cut({ item, start: 0, end: chosen.length, octets: chosen }, item.partial);
        continue;
      }
      const size = end - start;
      if (size === 0) continue;
      if (size + item.label.length + HEAD_OCTETS < this.#session.service.pool.chunkOctets) continue;
      await octets.read(start, start + 1);
    }
    if (octets.isCold) this.#readAhead(row.uid + 1, batchEnd, octets);
  }

  /** @returns a promise when the octets must be waited for */
  #body({ item, start, end, octets: ready }: LocatedBody, octets: MessageOctets): Promise<void> | undefined {
    const out = this.#out;
    const { label } = item;
    const size = end - start;
    if (size < 0) {
      this.#line.word(label, "NIL");
      return undefined;
    }
    if (size === 0) {
      this.#line.word(label, '""');
      return undefined;
    }
    if (ready !== undefined) {
      this.#line.literalHead(label, size);
      out.octets(ready.subarray(start, end));
      return undefined;
    }
    const room = label.length + HEAD_OCTETS + size;
    if (room > this.#session.service.pool.chunkOctets) return this.#largeBody(label, start, end, octets);
    // Read behind the place of the literal's head, which is written when the octets are known to be there.
    const target = out.reserve(room).subarray(label.length + HEAD_OCTETS, room);
    if (!octets.fillNow(target, start)) return this.#lateBody(label, start, end, octets);
    this.#line.literalHead(label, size);
    const place = out.reserve(size);
    place.set(target);
    out.advance(size);
    return undefined;
  }

  async #lateBody(label: string, start: number, end: number, octets: MessageOctets): Promise<void> {
    const target = Buffer.allocUnsafe(end - start);
    await octets.fill(target, start);
    this.#line.literalHead(label, target.length);
    this.#out.octets(target);
  }

  /** A body larger than a chunk, in pieces; it is never in memory as a whole. */
  async #largeBody(label: string, start: number, end: number, octets: MessageOctets): Promise<void> {
    const out = this.#out;
    const { chunkOctets } = this.#session.service.pool;
    this.#line.literalHead(label, end - start);
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
      const { uid, sizeOctets } = cold.row(i);
      if (this.#selected.map.seqnoOf(uid) > 0) locations.push(this.#location(uid, sizeOctets));
    }
    octets.readAhead(locations);
  }

  #location(uid: number, sizeOctets: number): MessageLocation {
    const { shared, uniqueId } = this.#selected;
    return { mbox: shared.mbox, uniqueId, partition: this.#partition, uid, sizeOctets };
  }

  #messageOctets(uid: number, row: ColdRow): MessageOctets {
    this.#octets ??= new MessageOctets(this.#selected.mail);
    this.#octets.begin(this.#location(uid, row.sizeOctets));
    return this.#octets;
  }

  #cacheRecords(): CacheRecords {
    const { maxheaderlines } = this.#session.service.context.config;
    return (this.#records ??= new CacheRecords(
      this.#selected.mail,
      { partition: this.#partition, uniqueId: this.#selected.uniqueId },
      maxheaderlines,
    ));
  }

  /** A message without octets. One that was expunged has simply gone; any other is a damage that the log tells of. */
  #missing(error: unknown): void {
    if (!(error instanceof MessageMissing)) throw error;
    if (this.#cursor.isExpunged) return;
    this.damaged++;
    this.#session.service.context.log.err(`IOERROR: ${error.message}`, { sessionid: this.#session.sessionId });
  }
}

/** An item's octets: `end` before `start`: there is no such section. With `octets` they are these, else the message's. */
interface LocatedBody {
  readonly item: BodyItem;
  readonly start: number;
  readonly end: number;
  readonly octets: Buffer | undefined;
}

function cut(body: LocatedBody, partial: BodyItem["partial"]): LocatedBody {
  if (partial === undefined) return body;
  const start = Math.min(body.end, body.start + partial.offset);
  return { ...body, start, end: Math.min(body.end, start + partial.length) };
}

const NO_CID = "0000000000000000";

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("hex");
}
