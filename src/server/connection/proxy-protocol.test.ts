import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { target } from "./proxy-protocol.fuzz.ts";
import { parseProxyHeader } from "./proxy-protocol.ts";

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

test("version 1", () => {
  assert.deepEqual(parseProxyHeader(Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.1 1024 143\r\na1 NOOP\r\n")), {
    kind: "proxied",
    octets: 44,
    source: "192.0.2.1",
    sourcePort: 1024,
    destination: "198.51.100.1",
    destinationPort: 143,
  });
  assert.deepEqual(parseProxyHeader(Buffer.from("PROXY UNKNOWN x y\r\n")), { kind: "local", octets: 19 });
  const bad = [
    "a1 NOOP\r\n",
    "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
    "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    `PROXY TCP4 ${"1".repeat(200)}`,
  ];
  for (const text of bad) assert.equal(parseProxyHeader(Buffer.from(text)).kind, "bad", text);
});

test("version 2", () => {
  const four = Buffer.concat([
    signature,
    Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 1, 4, 0, 0, 143]),
  ]);
  const header = parseProxyHeader(four);
  assert.ok(header.kind === "proxied" && header.source === "192.0.2.1" && header.sourcePort === 1024);
  const addresses = Buffer.from(
    "20010db8000000000000000000000001 20010db8000000000000000000000002".replace(" ", ""),
    "hex",
  );
  const six = Buffer.concat([
    signature,
    Buffer.from([0x21, 0x21, 0, 40]),
    addresses,
    Buffer.from([4, 0, 0, 143, 1, 0, 1, 0]),
  ]);
  const other = parseProxyHeader(six);
  assert.ok(other.kind === "proxied" && other.source === "2001:db8::1" && other.octets === 56);
  assert.equal(parseProxyHeader(Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])])).kind, "local");
  assert.equal(parseProxyHeader(Buffer.concat([signature, Buffer.from([0x31, 0x11, 0, 12])])).kind, "bad");
  assert.equal(parseProxyHeader(Buffer.concat([signature, Buffer.from([0x21, 0x11, 0xff, 0xff])])).kind, "bad");
});

test("every split: nothing is decided before it is all there", () => {
  for (const seed of target.seeds.slice(0, 5)) {
    const whole = parseProxyHeader(Buffer.from(seed));
    assert.ok(whole.kind === "proxied" || whole.kind === "local");
    for (let end = 0; end < whole.octets; end++) {
      assert.equal(parseProxyHeader(Buffer.from(seed.subarray(0, end))).kind, "more", `${end} octets`);
    }
  }
});

test("no octets break it", () => {
  fuzz(target, { seed: 3, iterations: 3_000 });
});
