import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Address, parseAddresses, scanMessage } from "./index.ts";
import { cacheItem } from "./record.ts";

/** `name <@route:mailbox@domain>`, `group{`, `}`. */
function show(address: Address): string {
  if (address.kind === "groupStart") return `${address.name}{`;
  if (address.kind === "groupEnd") return "}";
  const { name, route, mailbox, domain } = address;
  return `${name && `${name} `}<${route && `${route}:`}${mailbox}@${domain}>`;
}

function parse(text: string): string {
  return parseAddresses(Buffer.from(text, "latin1")).map(show).join(" ");
}

test("addresses as Cyrus reads them", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["a@b", "<a@b>"],
    ["Joe Q. Public <a@b>", "Joe Q. Public <a@b>"],
    ['"Joe \\"Q\\" x" <a@b>', 'Joe "Q" x <a@b>'],
    ["a@b (Joe (nested) x)", "Joe (nested) x <a@b>"],
    ["(c) a@b", "<a@b>"],
    ["a @ b . c", "<a@b.c>"],
    ['"a b"@c', "<a b@c>"],
    ["X <@r1,@r2:a@b>", "X <@r1,@r2:a@b>"],
    ["G: a@b, c@d; e@f", "G{ <a@b> <c@d> } <e@f>"],
    ["undisclosed-recipients:;", "undisclosed-recipients{ }"],
    ["G: a@b", "G{ <a@b> }"],
    ["a@b,, c@d,", "<a@b> <c@d>"],
    ["foo bar", "<foo bar@>"],
    ["<>", "<@>"],
    ["Joe <a@b> c@d", "Joe <a@b> <c@d>"],
    ["a@[1.2.3.4]", "<a@[1.2.3.4]>"],
    ["a@b..c.", "<a@b.c>"],
    ["Joe\r\n  Q\t <a@b>", "Joe Q <a@b>"],
    ['x@y, "unterminated', "<x@y>"],
    ["x@y, (unterminated", "<x@y>"],
    ["<<a@b>>", "<<a@b> <>@>"],
    ["a\\@b@c", "<a\\@b@c>"],
    ["", ""],
    [" , ;", "<;@>"],
  ];
  for (const [text, expected] of cases) assert.equal(parse(text), expected, text);
});

test("any octets give addresses, and an ENVELOPE without bare line ends", () => {
  const piece = fc.oneof(
    fc.constantFrom('"', "<", ">", "@", "(", ")", ",", ":", ";", "\\", ".", " ", "a", "\r\n "),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const value = Buffer.from(pieces.join("").replaceAll(/\r?\n(?! )/g, ""), "latin1");
      for (const address of parseAddresses(value)) assert.ok(show(address).length < value.length + 10);
      const { cache } = scanMessage(Buffer.concat([Buffer.from("To: "), value, Buffer.from("\r\n\r\n")]));
      const range = { start: 0, end: 0 };
      cacheItem(cache, 0, "ENVELOPE", range);
      const envelope = cache.toString("latin1", range.start, range.end);
      assert.match(envelope.replaceAll(/"[^"\r\n]*"/g, ""), /^\(NIL|^\{/);
    }),
    { numRuns: 200 },
  );
});
