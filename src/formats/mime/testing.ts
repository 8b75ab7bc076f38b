/** Messages for property tests: valid shapes with every kind of damage. */
import fc from "fast-check";

/** Line by line, so that structure appears by chance often enough. */
const line = fc.oneof(
  fc.constantFrom(
    "",
    "",
    "--b",
    "--b",
    "--b--",
    "--c",
    "--c--",
    "--b \t",
    "--bx",
    "--",
    "-",
    "From: a@b",
    'To: "a b" <c@d>, g: e@f, h;',
    "Subject: x",
    " folded",
    "\tfolded",
    "Content-Type: multipart/mixed; boundary=b",
    'Content-Type: multipart/digest; boundary="c"',
    "Content-Type: message/rfc822",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "Content-Disposition: attachment; filename*0=a; filename*1*=b",
    "Date: Mon, 7 Feb 2022 21:52:25 -0800",
    "Message-ID: <x@y>",
    "Received: by x",
  ),
  fc.string({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets).toString("latin1")),
);
const lineEnd = fc.constantFrom("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "");

export const hostileMessage: fc.Arbitrary<Buffer> = fc
  .array(fc.tuple(line, lineEnd), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.map(([text, end]) => text + end).join(""), "latin1"));

/** A copy with one bit changed. */
export function flip(octets: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(octets);
  copy[at]! ^= 1;
  return copy;
}
