import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cacheEnvelope, parseAddresses, scanMessage, sortKeys } from "./index.ts";

test("what the record says is what the header said", () => {
  const piece = fc.constantFrom('"', "<", ">", "@", "(", ")", ",", ":", ";", "\\", ".", " ", "a", "b c", "%", "\xe9");
  const value = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(value, value, fc.string({ maxLength: 30 }), (from, to, subject) => {
      const plain = subject.replaceAll(/[^ -~]/g, "").trimStart();
      const message = Buffer.from(`From: ${from}\r\nTo: ${to}\r\nSubject: ${plain}\r\n\r\n`, "latin1");
      const moved = Buffer.concat([Buffer.alloc(5), scanMessage(message).cache]);
      const envelope = cacheEnvelope(moved, 5);
      assert.deepEqual(envelope.from, parseAddresses(Buffer.from(from.trimStart(), "latin1")));
      assert.deepEqual(envelope.to, parseAddresses(Buffer.from(to.trimStart(), "latin1")));
      assert.equal(envelope.subject, plain);
      assert.equal(envelope.messageId, undefined);
    }),
    { numRuns: 500 },
  );
});

test("sort keys (RFC 5256 §3, RFC 5957 §3)", () => {
  const keys = (header: string): unknown =>
    sortKeys(cacheEnvelope(scanMessage(Buffer.from(`${header}\r\n\r\n`)).cache));
  assert.deepEqual(keys("From: =?utf-8?Q?Caf=C3=A9?= <b@c>\r\nTo: d@e\r\nCc: g: h@i;\r\nSubject: Re: x"), {
    baseSubject: "x",
    from: "b",
    to: "d",
    cc: "g",
    displayFrom: "Café",
    displayTo: "d@e",
  });
  assert.deepEqual(keys("X: y"), { baseSubject: "", from: "", to: "", cc: "", displayFrom: "", displayTo: "" });
});
