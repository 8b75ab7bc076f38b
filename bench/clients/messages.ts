/**
 * The mail of the benchmark: multipart messages with the headers that mail of today carries, made from a seed.
 *
 * A message is a few octets of its own (Message-ID) before octets shared by all copies, so sending costs no copying.
 * No line begins with a dot: SMTP's dot-stuffing changes nothing.
 */
import { seededRandom } from "./random.ts";

/** Word that occurs in the bodies of about one message in a hundred; what SEARCH BODY looks for. */
export const rareWord = "quixotically";

const words = `account address agenda agree annual answer april arrange attach available balance before begin better
budget building calendar call careful central change charge clear client close colleague comment company complete
confirm contact contract copy cost customer daily date deadline decide delay deliver department detail different
director discuss document draft during early effort email employee enclose engineer enough estimate evening event
example expect explain extra family fifteen figure finance finish first follow forward friday future general
general global group happy hear help holiday hour however idea important improve include inform inside install
interest invoice issue january join kind large last later launch lead learn letter limit little local long machine
manage march market matter meeting member message minute monday month morning never next notice number offer office
often open order other outside paper partner payment people perhaps person phone place plan please point possible
prepare present press price print problem process product program project provide public question quick ready reason
receive record regard remember remind report request require research result return review room sale schedule school
second section send service seven share short should simple since small someone soon special staff start state still
street subject suggest summer supply support system table team thank there thing think thursday today together
tomorrow total travel tuesday under until update using value visit wait week welcome while without work write year`
  .split(/\s+/)
  .filter((word) => word !== "");
const names = ["Anna", "Bruno", "Chiara", "David", "Elena", "Farid", "Greta", "Hassan", "Irina", "Jonas", "Keiko"];
const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const firstDate = Date.UTC(2024, 0, 1);

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const two = (n: number): string => String(n).padStart(2, "0");

/** RFC 5322 §3.3. */
function mailDate(time: number): string {
  const d = new Date(time);
  const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  return `${days[d.getUTCDay()]}, ${d.getUTCDate()} ${months[d.getUTCMonth()]} ${d.getUTCFullYear()} ${clock} +0000`;
}

/** RFC 3501 date-time, for APPEND. */
export function internalDate(time: number): string {
  const d = new Date(time);
  const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  return `${String(d.getUTCDate()).padStart(2)}-${months[d.getUTCMonth()]}-${d.getUTCFullYear()} ${clock} +0000`;
}

function prose(random: () => number, octets: number): string {
  let text = "";
  let column = 0;
  const parts: string[] = [];
  let length = 0;
  while (length < octets) {
    text = pick(random, words);
    if (column + text.length > 70) {
      parts.push("\r\n");
      length += 2;
      column = 0;
    }
    parts.push(text, " ");
    length += text.length + 1;
    column += text.length + 1;
  }
  return parts.join("");
}

/** Lines of base64 that look like an attachment. */
function attachment(random: () => number, octets: number): string {
  const line = (): string =>
    Buffer.from(Array.from({ length: 57 }, () => Math.floor(random() * 256))).toString("base64");
  // A few lines over and over: making 1 MB of random octets would take longer than delivering them.
  const lines = Array.from({ length: 20 }, line);
  let text = "";
  while (text.length < octets) text += `${lines.join("\r\n")}\r\n`;
  return text.slice(0, Math.max(0, octets - (octets % 78)));
}

/** Message octets after its Message-ID line; about `octets` long, at least some 1.5 KB. */
function makeRest(random: () => number, octets: number): string {
  const from = `${pick(random, names)} ${pick(random, names)}sson`;
  const domain = `${pick(random, words)}.example`;
  const subject = Array.from({ length: 3 + Math.floor(random() * 5) }, () => pick(random, words)).join(" ");
  const date = mailDate(firstDate + Math.floor(random() * 86_400_000 * 900));
  const boundary = `=_${Math.floor(random() * 1e9).toString(36)}_${Math.floor(random() * 1e9).toString(36)}`;
  const head = [
    `Received: from relay.${domain} (relay.${domain} [192.0.2.${1 + Math.floor(random() * 250)}])`,
    `\tby mx.example.com (Postfix) with ESMTPS id ${Math.floor(random() * 1e12)
      .toString(36)
      .toUpperCase()}`,
    `\tfor <fred@example.com>; ${date}`,
    `Received: from desk.${domain} (unknown [198.51.100.${1 + Math.floor(random() * 250)}])`,
    `\tby relay.${domain} with ESMTPSA; ${date}`,
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}; s=mail;`,
    "\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;",
    `\tb=${attachment(random, 234).replaceAll("\r\n", "\r\n\t ")}`.trimEnd(),
    `From: ${from} <${from.toLowerCase().replace(" ", ".")}@${domain}>`,
    `To: Fred Example <fred@example.com>, ${pick(random, names)} <team@${domain}>`,
    ...(random() < 0.3 ? [`Cc: ${pick(random, names)} <list@${domain}>, desk@example.com`] : []),
    `Subject: ${random() < 0.4 ? "Re: " : ""}${subject}`,
    `Date: ${date}`,
    ...(random() < 0.4 ? [`In-Reply-To: <${Math.floor(random() * 1e9)}@${domain}>`] : []),
    "MIME-Version: 1.0",
    "User-Agent: Example Mail 12.4",
    "X-Spam-Status: No, score=-2.1 required=5.0 tests=DKIM_VALID,SPF_PASS autolearn=ham",
  ];
  const rare = random() < 0.01 ? ` ${rareWord} ` : "";
  const left = Math.max(400, octets - 1600);
  if (octets > 20_000) {
    const plain = prose(random, 1500) + rare;
    return `${head.join("\r\n")}\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n${"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"}${plain}\r\n--${boundary}\r\nContent-Type: application/pdf; name="${pick(random, words)}.pdf"\r\n${"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"}${attachment(random, left - 1500)}\r\n--${boundary}--\r\n`;
  }
  const plain = prose(random, left * 0.4) + rare;
  return `${head.join("\r\n")}\r\nContent-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n--${boundary}\r\n${"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"}${plain}\r\n--${boundary}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>${prose(
    random,
    left * 0.5,
  )}</p></body></html>\r\n--${boundary}--\r\n`;
}

/** "delivery": 4 KB in the median, 9% of 50 KB, 0.4% of 1 MB. "reading": 2 to 16 KB, 4 KB in the median. */
export type SizeMix = "delivery" | "reading";

function pickSize(random: () => number, mix: SizeMix): number {
  const part = random();
  if (mix === "delivery" && part < 0.004) return 1_000_000;
  if (mix === "delivery" && part < 0.094) return 50_000;
  // Log-normal around 4 KB.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(16_000, Math.max(2_000, Math.round(4_000 * Math.exp(0.5 * normal))));
}

/** An endless supply of messages: `pool` different ones in turn, each time with another Message-ID. */
export class MessageSource {
  readonly #rests: Buffer[] = [];
  readonly #prefix: string;
  #next = 0;

  constructor(options: { readonly mix: SizeMix; readonly seed: number; readonly pool?: number }) {
    const random = seededRandom(options.seed);
    const pool = options.pool ?? 500;
    const sizes = Array.from({ length: pool }, () => pickSize(random, options.mix));
    if (options.mix === "delivery") fixShares(sizes, pool);
    for (const size of sizes) this.#rests.push(Buffer.from(makeRest(random, size), "latin1"));
    // Two runs never send the same Message-ID to the same server: duplicate suppression would eat the second.
    this.#prefix = `${Date.now().toString(36)}.${process.pid.toString(36)}`;
  }

  /** @returns the message in two pieces; neither may be changed */
  next(): { readonly head: Buffer; readonly rest: Buffer } {
    const number = this.#next++;
    const head = Buffer.from(`Message-ID: <${this.#prefix}.${number.toString(36)}@bench.example>\r\n`, "latin1");
    return { head, rest: this.#rests[number % this.#rests.length]! };
  }
}

/** Makes the shares of large messages exact, evenly spread: chance would give some runs three times the octets. */
function fixShares(sizes: number[], pool: number): void {
  const random = seededRandom(pool);
  for (let i = 0; i < pool; i++) if (sizes[i]! > 20_000) sizes[i] = 2_000 + Math.floor(random() * 4_000);
  const middling = Math.round(pool * 0.09);
  const large = Math.max(pool >= 250 ? 1 : 0, Math.round(pool * 0.004));
  for (let i = 0; i < middling; i++) sizes[Math.floor(((i + 0.5) * pool) / middling)] = 50_000;
  for (let i = 0; i < large; i++) sizes[Math.floor(((i + 0.31) * pool) / large)] = 1_000_000;
}
