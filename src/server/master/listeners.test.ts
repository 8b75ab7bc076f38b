import assert from "node:assert/strict";
import { test } from "node:test";
import { closeDescriptor } from "../../base/native/index.ts";
import { makeServices, parseListen, parseProto } from "../../config/index.ts";
import { addressesOf, bindAll, tosOf } from "./listeners.ts";
import { encodeStatus, StatusReader } from "./status-records.ts";

/** `family address port` of each socket that `listen` and `proto` ask for. */
async function addresses(listen: string, proto = "tcp"): Promise<string[]> {
  const transport = parseProto(proto)!;
  const parsed = parseListen(listen, transport.protocol, makeServices([]));
  if (typeof parsed === "string") throw new Error(parsed);
  return (await addressesOf(parsed, transport)).map((one) =>
    one.family === "unix" ? `unix ${one.path}` : `${one.family} ${one.address} ${one.port}`,
  );
}

test("all interfaces are one socket a family", async () => {
  assert.deepEqual(await addresses("143"), ["ipv4 0.0.0.0 143", "ipv6 :: 143"]);
  assert.deepEqual(await addresses("imap", "tcp6"), ["ipv6 :: 143"]);
  assert.deepEqual(await addresses("fud", "udp4"), ["ipv4 0.0.0.0 4201"]);
});

test("literals and paths are what they say, and nothing where the family does not fit", async () => {
  assert.deepEqual(await addresses("127.0.0.1:lmtp"), ["ipv4 127.0.0.1 2003"]);
  assert.deepEqual(await addresses("[::1]:mupdate"), ["ipv6 ::1 3905"]);
  assert.deepEqual(await addresses("127.0.0.1:1", "tcp6"), []);
  assert.deepEqual(await addresses("/run/x"), ["unix /run/x"]);
});

test("what cannot be bound is reported beside what can", () => {
  const transport = parseProto("tcp4")!;
  const there = { family: "ipv4", address: "127.0.0.1", port: 0 } as const;
  const elsewhere = { family: "ipv4", address: "192.0.2.1", port: 0 } as const;
  const { sockets, failures } = bindAll([there, elsewhere], { transport, unix: "stream", backlog: 1, tos: 0xb8 });
  assert.deepEqual(
    sockets.map(({ address }) => address),
    [there],
  );
  assert.match(String(failures[0]?.error), /EADDRNOTAVAIL/);
  for (const { fd } of sockets) closeDescriptor(fd);
});

test("qosmarking", () => {
  assert.deepEqual(["cs0", "cs1", "cs7", "af11", "af43", "ef", "?"].map(tosOf), [0, 0x20, 0xe0, 0x28, 0x98, 0xb8, 0]);
});

test("status records survive any split", () => {
  const records = [
    { code: 1, value: 4711 },
    { code: 16, value: 0 },
    { code: 17, value: -1 },
  ];
  const octets = Buffer.concat(records.map(encodeStatus));
  for (let size = 1; size <= octets.length; size++) {
    const reader = new StatusReader();
    const got = [];
    for (let at = 0; at < octets.length; at += size) got.push(...reader.push(octets.subarray(at, at + size)));
    assert.deepEqual(got, records);
  }
});
