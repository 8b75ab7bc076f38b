/** Fuzz targets of the MIME code: any octets are read, within the record's own rules. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import {
  baseSubject,
  cacheHeaderFields,
  cacheHeaderFieldsRoom,
  cachePart,
  cachePartCount,
  checkMessage,
  checkRecord,
  decodeTransfer,
  decodeWords,
  FieldSet,
  headerFields,
  MessageScanner,
  parseAddresses,
  parseDate,
  scanMessage,
} from "./index.ts";

const seeds = [
  "From: a@b\r\nSubject: x\r\n\r\nbody\r\n",
  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo\r\n--b--\r\n",
  "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nFrom: x@y\r\n\r\nz\r\n--b--\r\n",
  'Content-Type: message/rfc822\r\n\r\nTo: g: "q" <a@b>, c@d (e);\r\n\r\nx',
  'Content-Type: text/plain; a*0=b; a*1*=c%20; charset="utf-8"\r\nContent-Language: en, fr\r\n\r\n',
].map((text) => Buffer.from(text, "latin1"));

const fields = new FieldSet(["From", "Content-Type"]);

export const scannerTarget: FuzzTarget = {
  name: "mime.scanner",
  seeds,
  run(octets) {
    const { cache } = scanMessage(octets);
    assert.equal(checkRecord(cache), cache.length);
    for (let i = 0; i < cachePartCount(cache); i++) assert.ok(cachePart(cache, 0, i).bodyEnd <= octets.length);
    const scanner = new MessageScanner();
    for (let at = 0; at < octets.length; at += 7) scanner.push(octets.subarray(at, at + 7));
    assert.ok(scanner.finish().cache.equals(cache));
    const room = Buffer.alloc(cacheHeaderFieldsRoom(cache));
    const end = cacheHeaderFields(cache, 0, fields, room, 0);
    if (end >= 0)
      assert.deepEqual(room.subarray(0, end), headerFields(octets.subarray(0, scanMessage(octets).headerSize), fields));
    checkMessage(octets);
  },
};

export const valuesTarget: FuzzTarget = {
  name: "mime.values",
  seeds: [
    'a@b, "c d" <e@f>',
    "Mon, 7 Feb 2022 21:52:25 -0800",
    "Re: =?utf-8?Q?x=20?= =?utf-8?B?YQ==?=",
    "[a] Fwd: (b)",
  ].map((text) => Buffer.from(text)),
  run(octets) {
    parseAddresses(octets);
    parseDate(octets, 0, octets.length);
    const text = Buffer.from(octets).toString("latin1");
    decodeWords(text);
    baseSubject(text);
    decodeTransfer(octets, "base64");
    decodeTransfer(octets, "quoted-printable");
  },
};

export const recordTarget: FuzzTarget = {
  name: "mime.record",
  seeds: seeds.map((seed) => scanMessage(seed).cache),
  run(octets) {
    checkRecord(octets);
  },
};

/** Found by name by the fuzzing driver. */
export const target: FuzzTarget = scannerTarget;
