/** Address lists as ENVELOPE shows them, and as values. */
import { AddressReader, type AddressSink } from "./address-reader.ts";
import type { OctetWriter } from "./octet-writer.ts";

/** Stands in for a missing domain, as Cyrus sends it. */
export const unspecifiedDomain = "unspecified-domain";

const open = 0x28;
const close = 0x29;
const space = 32;

/** Writes address structures (RFC 3501 §7.4.2) to `out`, without the outer parentheses. */
export class AddressFormatter implements AddressSink {
  readonly out: OctetWriter;
  constructor(out: OctetWriter) {
    this.out = out;
  }

  address(reader: AddressReader): void {
    const { out } = this;
    const { scratch } = reader;
    out.octet(open);
    if (reader.nameEnd > reader.nameStart) out.string(scratch, reader.nameStart, reader.nameEnd, false);
    else out.text("NIL");
    out.octet(space);
    if (reader.routeEnd > reader.routeStart) out.string(scratch, reader.routeStart, reader.routeEnd, false);
    else out.text("NIL");
    out.octet(space);
    out.string(scratch, reader.mailboxStart, reader.mailboxEnd, false);
    out.octet(space);
    if (reader.domainEnd > reader.domainStart) out.string(scratch, reader.domainStart, reader.domainEnd, false);
    else out.text(`"${unspecifiedDomain}"`);
    out.octet(close);
  }

  groupStart(reader: AddressReader): void {
    this.out.text("(NIL NIL ");
    this.out.string(reader.scratch, reader.mailboxStart, reader.mailboxEnd, false);
    this.out.text(" NIL)");
  }

  groupEnd(): void {
    this.out.text("(NIL NIL NIL NIL)");
  }
}

/** One entry of a parsed list. A group is `{group}` before its members and `{groupEnd: true}` after them. */
export type Address =
  | {
      readonly kind: "mailbox";
      /** Display name or comment, raw octets as latin1, encoded words not decoded; "" when absent. */
      readonly name: string;
      readonly route: string;
      readonly mailbox: string;
      /** "" when unspecified. */
      readonly domain: string;
    }
  | { readonly kind: "groupStart"; readonly name: string }
  | { readonly kind: "groupEnd" };

/** Parses the raw value of a From, To, ... field. Strings are latin1, one character an octet. Never throws. */
export function parseAddresses(value: Uint8Array): Address[] {
  const list: Address[] = [];
  new AddressReader().read(value, 0, value.length, {
    address({ scratch, ...r }) {
      const piece = (start: number, stop: number): string => scratch.toString("latin1", start, stop);
      list.push({
        kind: "mailbox",
        name: piece(r.nameStart, r.nameEnd),
        route: piece(r.routeStart, r.routeEnd),
        mailbox: piece(r.mailboxStart, r.mailboxEnd),
        domain: piece(r.domainStart, r.domainEnd),
      });
    },
    groupStart({ scratch, mailboxStart, mailboxEnd }) {
      list.push({ kind: "groupStart", name: scratch.toString("latin1", mailboxStart, mailboxEnd) });
    },
    groupEnd() {
      list.push({ kind: "groupEnd" });
    },
  });
  return list;
}
