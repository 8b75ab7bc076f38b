/** The message corpus: files from other projects' tests, our own, and large or hostile ones made when asked for. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export interface CorpusMessage {
  readonly name: string;
  /** With CRLF line ends. */
  readonly octets: Buffer;
}

/** The same octets with each line end, of whatever kind, as CRLF; a CR that ends no line stays. */
export function withCrlf(octets: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(octets.length * 2);
  let length = 0;
  for (let i = 0; i < octets.length; i++) {
    const c = octets[i]!;
    if (c === 10 && octets[i - 1] !== 13) out[length++] = 13;
    out[length++] = c;
  }
  return Buffer.from(out.subarray(0, length));
}

/** All messages, always in the same order. The octets are the caller's, to change as it likes. */
export function loadCorpus(): CorpusMessage[] {
  const root = import.meta.dirname;
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".eml"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const stored = files.map((file) => ({ name: relative(root, file), octets: withCrlf(readFileSync(file)) }));
  return [...stored, ...writtenMessages(), ...madeMessages()];
}

/** Small messages of our own, each with one oddity. They keep their line ends, which may be the oddity. */
export function writtenMessages(): CorpusMessage[] {
  const texts: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "written.json"), "utf8"));
  if (!Array.isArray(texts)) throw new Error("written.json is no list");
  return texts.map((text, i) => ({ name: `written/${i}`, octets: Buffer.from(String(text), "latin1") }));
}

/** Messages that are too large to keep. */
export function madeMessages(): CorpusMessage[] {
  const times = (text: string, count: number): string => text.repeat(count);
  const list = (count: number, item: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => item(i)).join("");
  const multipart = (boundary: string, body: string): string =>
    `From: a@b\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n${body}`;
  const long = times("x", 300);
  const texts: Record<string, string> = {
    "fields-1001": `${times("X-Y: z\r\n", 1001)}Subject: q\r\n\r\nx\r\n`,
    "fields-1500": `${times("X-Y: z\r\n", 1500)}Subject: q\r\n\r\nx\r\n`,
    "field-2000-lines": `X-Y: z\r\n${times(" a\r\n", 2000)}Subject: q\r\n\r\nx\r\n`,
    "part-fields-999": multipart("b", `--b\r\n${times("X: y\r\n", 999)}Content-ID: a\r\nContent-MD5: q\r\n\r\nx\r\n--b--\r\n`),
    "part-fields-1001": multipart("b", `--b\r\n${times("X: y\r\n", 1001)}Content-Type: text/html\r\n\r\nx\r\n--b--\r\n`),
    "subject-5000": `Subject: ${times("x", 5000)}\r\nTo: a@b\r\n\r\nx\r\n`,
    "subject-20000-words": `Subject: ${times("y ", 20_000)}\r\nTo: a@b\r\n\r\nx\r\n`,
    "addresses-500": `To: ${list(500, (i) => `u${i} <u${i}@example.com>,\r\n `)}z@example.com\r\n\r\nx\r\n`,
    "parameters-300": `From: a@b\r\nContent-Type: text/plain${list(300, (i) => `;\r\n p${i}=v${i}`)}\r\n\r\nx\r\n`,
    "parts-500": multipart("b", `${times("--b\r\n\r\nx\r\n", 500)}--b--\r\n`),
    "nested-15": `From: a@b\r\n${list(15, (i) => `Content-Type: multipart/mixed; boundary=b${i}x\r\n\r\n--b${i}x\r\n`)}\r\nx\r\n`,
    "messages-30": `From: a@b\r\n${times("Content-Type: message/rfc822\r\n\r\n", 30)}\r\nx\r\n`,
    "boundary-300": multipart(long, `--${long}\r\n\r\none\r\n--${long}--\r\n`),
    "line-100000": `From: a@b\r\n\r\n${times("z", 100_000)}\r\n`,
    "lines-50000": `From: a@b\r\n\r\n${times("z\r\n", 50_000)}`,
    "almost-boundaries": multipart("bbbb", `--bbbb\r\n\r\n${times("--bbb\r\n--bbbc\r\n-\r\n", 2000)}--bbbb--\r\n`),
    "open-comments": `From: ${times("(", 5000)}a@b\r\nDate: ${times("(", 5000)}\r\n\r\nx\r\n`,
    "quotes": `From: ${times('"a" ', 2000)}<a@b>\r\n\r\nx\r\n`,
    "base64-1m": multipart(
      "b",
      `--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n${times(`${times("QUFB", 19)}\r\n`, 14_000)}--b--\r\n`,
    ),
  };
  return Object.entries(texts).map(([name, text]) => ({ name: `made/${name}`, octets: Buffer.from(text, "latin1") }));
}
