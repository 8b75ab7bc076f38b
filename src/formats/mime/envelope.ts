/** ENVELOPE back from the record to values, for SEARCH, SORT and THREAD. */
import { type Address, unspecifiedDomain } from "./addresses.ts";
import { baseSubject } from "./base-subject.ts";
import { decodeWords } from "./encoded-words.ts";
import { cacheItem } from "./record.ts";

/** Texts are latin1, one character an octet, unfolded, encoded words not decoded; undefined when the field is absent. */
export interface Envelope {
  readonly date: string | undefined;
  readonly subject: string | undefined;
  readonly from: readonly Address[];
  readonly sender: readonly Address[];
  readonly replyTo: readonly Address[];
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  readonly inReplyTo: string | undefined;
  readonly messageId: string | undefined;
}

/** Reads what OctetWriter and AddressFormatter wrote; the record has been checked, so its form is known. */
class EnvelopeReader {
  readonly #octets: Buffer;
  #at: number;

  constructor(octets: Buffer, start: number) {
    this.#octets = octets;
    this.#at = start;
  }

  skip(): void {
    this.#at++;
  }

  nstring(): string | undefined {
    const octets = this.#octets;
    const first = octets[this.#at];
    let start = this.#at + 1;
    let end: number;
    if (first === 0x22) {
      end = octets.indexOf(0x22, start);
      this.#at = end + 1;
    } else if (first === 0x7b) {
      const brace = octets.indexOf(0x7d, start);
      const count = Number(octets.toString("latin1", start, brace));
      start = brace + 3;
      end = start + count;
      this.#at = end;
    } else {
      this.#at += 3;
      return undefined;
    }
    return octets.toString("latin1", start, end);
  }

  addresses(): Address[] {
    const list: Address[] = [];
    if (this.#octets[this.#at] !== 0x28) {
      this.#at += 3;
      return list;
    }
    this.#at++;
    while (this.#octets[this.#at] === 0x28) {
      this.#at++;
      const name = this.nstring();
      this.skip();
      const route = this.nstring();
      this.skip();
      const mailbox = this.nstring();
      this.skip();
      const host = this.nstring();
      this.skip();
      if (mailbox === undefined) list.push({ kind: "groupEnd" });
      else if (host === undefined) list.push({ kind: "groupStart", name: mailbox });
      else {
        const domain = host === unspecifiedDomain ? "" : host;
        list.push({ kind: "mailbox", name: name ?? "", route: route ?? "", mailbox, domain });
      }
    }
    this.#at++;
    return list;
  }
}

/** The ENVELOPE of the record at `base`, which has passed checkRecord. */
export function cacheEnvelope(record: Buffer, base = 0): Envelope {
  const range = { start: 0, end: 0 };
  cacheItem(record, base, "ENVELOPE", range);
  const reader = new EnvelopeReader(record, range.start + 1);
  const text = (): string | undefined => {
    const value = reader.nstring();
    reader.skip();
    return value;
  };
  const list = (): Address[] => {
    const value = reader.addresses();
    reader.skip();
    return value;
  };
  // In the order of RFC 3501 §7.4.2; the object's members are evaluated in the order written.
  return {
    date: text(),
    subject: text(),
    from: list(),
    sender: list(),
    replyTo: list(),
    to: list(),
    cc: list(),
    bcc: list(),
    inReplyTo: text(),
    messageId: text(),
  };
}

/** What SORT compares, case-folded by the caller's collation (RFC 5256 §3, RFC 5957 §3). "" sorts first. */
export interface SortKeys {
  readonly baseSubject: string;
  /** Local part of the first address. */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  /** Decoded display name of the first address, else its mailbox@domain. */
  readonly displayFrom: string;
  readonly displayTo: string;
}

export function sortKeys({ subject, from, to, cc }: Envelope): SortKeys {
  return {
    baseSubject: baseSubject(subject ?? "").text,
    from: mailboxOf(from),
    to: mailboxOf(to),
    cc: mailboxOf(cc),
    displayFrom: displayOf(from),
    displayTo: displayOf(to),
  };
}

function mailboxOf([first]: readonly Address[]): string {
  if (first === undefined || first.kind === "groupEnd") return "";
  return first.kind === "groupStart" ? first.name : first.mailbox;
}

function displayOf([first]: readonly Address[]): string {
  if (first === undefined || first.kind === "groupEnd") return "";
  if (first.name !== "") return decodeWords(first.name);
  if (first.kind === "groupStart") return "";
  return first.domain === "" ? first.mailbox : `${first.mailbox}@${first.domain}`;
}
