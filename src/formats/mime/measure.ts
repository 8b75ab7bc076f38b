/** Prints what scanning and the record's accessors cost: `node src/formats/mime/measure.ts`. No test, no promise. */
import { cacheHeaderFields, cacheHeaderFieldsRoom, cacheItem, cacheSection, checkMessage, FieldSet } from "./index.ts";
import { MessageScanner, scanMessage } from "./index.ts";

/** About 4 KB: five trace fields, a text and an HTML part, as a mail client sends it. */
function sample(): Buffer {
  const received =
    "Received: from a.example.org (a.example.org [192.0.2.1])\r\n\tby mx.example.com with ESMTPS id 1abc\r\n";
  const line = "The quick brown fox jumps over the lazy dog, and some more words to fill it.\r\n";
  return Buffer.from(
    `${received.repeat(5)}DKIM-Signature: v=1; a=rsa-sha256; d=example.org;\r\n b=${"abcd".repeat(60)}\r\n` +
      'From: "Jane Q. Public" <jane@example.org>\r\nTo: Joe <joe@example.com>, list@example.com\r\n' +
      "Subject: =?utf-8?Q?Caf=C3=A9?= tomorrow\r\nDate: Mon, 7 Feb 2022 21:52:25 -0800\r\n" +
      "Message-ID: <B27397-0100000@example.org>\r\nIn-Reply-To: <prev@example.com>\r\n" +
      "References: <a@example.com> <prev@example.com>\r\nUser-Agent: Mutt/2.2\r\nMIME-Version: 1.0\r\n" +
      'Content-Type: multipart/alternative; boundary="=_boundary_1234567890"\r\n\r\n' +
      "--=_boundary_1234567890\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n" +
      `Content-Transfer-Encoding: 8bit\r\n\r\n${line.repeat(12)}\r\n--=_boundary_1234567890\r\n` +
      "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n" +
      `Content-Disposition: inline; filename="a.html"\r\n\r\n${line.repeat(14)}\r\n--=_boundary_1234567890--\r\n`,
  );
}

/** Fastest of nine rounds, in microseconds each. */
function measure(name: string, count: number, run: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    best = Math.min(best, performance.now() - start);
  }
  console.log(`${name.padEnd(44)} ${((best * 1000) / count).toFixed(3)} us`);
}

const message = sample();
const { cache } = scanMessage(message);
console.log(`message ${message.length} octets, record ${cache.length} octets`);
measure("scanMessage", 5_000, () => scanMessage(message));
measure("MessageScanner in chunks of 1,000", 5_000, () => {
  const scanner = new MessageScanner();
  for (let at = 0; at < message.length; at += 1_000) scanner.push(message.subarray(at, at + 1_000));
  scanner.finish();
});
measure("checkMessage", 5_000, () => checkMessage(message));
const range = { start: 0, end: 0 };
measure("cacheItem ENVELOPE", 500_000, () => cacheItem(cache, 0, "ENVELOPE", range));
measure("cacheSection 2.MIME", 500_000, () => cacheSection(cache, 0, "2", "MIME", range));
const room = Buffer.alloc(cacheHeaderFieldsRoom(cache));
const fields = new FieldSet(["Date", "From", "Subject", "Message-ID", "To", "Cc", "References", "List-Post"]);
measure("cacheHeaderFields of 8 names", 200_000, () => cacheHeaderFields(cache, 0, fields, room, 0));
const large = Buffer.concat([message.subarray(0, -30), Buffer.alloc(10 << 20, `${"QUJD".repeat(19)}\r\n`)]);
measure("scanMessage of 10 MB base64", 1, () => scanMessage(large));
