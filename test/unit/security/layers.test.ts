/** Layers of one connection, without a network: what is timed, and what may not be there when one begins. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { silentLog } from "../../../src/base/log.ts";
import { Connection, type ConnectionHost } from "../../../src/server/connection/index.ts";
import type { TimerNode, TimerWheel } from "../../../src/server/worker/timer-wheel.ts";

class QuietStream extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }
}

function connection(armed: number[]): { readonly link: Connection; readonly stream: QuietStream } {
  const wheel = {
    arm: (_node: TimerNode, milliseconds: number) => void armed.push(milliseconds),
    disarm: () => void armed.push(0),
  } as unknown as TimerWheel;
  const host: ConnectionHost = {
    wheel,
    log: silentLog,
    loginTimeoutMs: 60_000,
    tlsOptions: () => ({}),
    guard: (_connection, call, ...args) => void call(...args),
    identityChanged: () => {},
    closed: () => {},
  };
  const stream = new QuietStream();
  const link = new Connection(host, 1, stream, "192.0.2.1", 1024);
  link.serve({ octets: () => {} });
  return { link, stream };
}

test("a handshake has 30 seconds, and what comes of it in that time does not lengthen them", () => {
  const armed: number[] = [];
  const { link, stream } = connection(armed);
  assert.deepEqual(armed, [60_000]);
  link.startTls(undefined);
  assert.deepEqual(armed, [60_000, 30_000]);
  stream.push(Buffer.from([0x16]));
  link.setIdleTimeout(1_800_000);
  assert.deepEqual(armed, [60_000, 30_000]);
  link.expired();
  assert.equal(link.open, false);
});

test("octets that wait in the clear end the connection when a layer begins, wherever they wait", () => {
  for (const [where, held, begin] of [
    ["session", 1, (link: Connection) => link.startTls(Buffer.from("ok"), 1)],
    ["session", 1, (link: Connection) => link.startLayer(Buffer.from("ok"), 1, (lower) => lower)],
    ["stream", 0, (link: Connection) => link.startTls(Buffer.from("ok"))],
    ["stream", 0, (link: Connection) => link.startLayer(Buffer.from("ok"), 0, (lower) => lower)],
  ] as const) {
    const { link, stream } = connection([]);
    if (held === 0) {
      link.pause();
      stream.push(Buffer.from("b LOGIN"));
    }
    begin(link);
    assert.equal(link.open, false, where);
  }
});
