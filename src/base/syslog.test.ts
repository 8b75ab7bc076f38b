import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { closeDescriptor, openListener, receiveDatagram } from "./native/index.ts";
import { SyslogSender } from "./syslog.ts";

const dir = mkdtempSync(join(tmpdir(), "syslog-"));
after(() => rmSync(dir, { recursive: true }));

test("a burst larger than the daemon's queue arrives whole and in order", async () => {
  const path = join(dir, "log");
  const daemon = openListener({ type: "datagram", address: { family: "unix", path } });
  const sender = new SyslogSender(path);
  const count = 500;
  for (let i = 0; i < count; i++) sender.send(`<22>line ${i}`);
  const got: string[] = [];
  const end = performance.now() + 10_000;
  while (got.length < count && performance.now() < end) {
    for (let one = receiveDatagram(daemon); one; one = receiveDatagram(daemon)) got.push(one.octets.toString());
    await turn();
  }
  assert.deepEqual(
    got,
    Array.from({ length: count }, (_, i) => `<22>line ${i}`),
  );
  closeDescriptor(daemon);
});

test("without a daemon lines are dropped, and go through again once there is one", () => {
  const path = join(dir, "later");
  const sender = new SyslogSender(path);
  sender.send("<22>lost");
  const daemon = openListener({ type: "datagram", address: { family: "unix", path } });
  sender.send("<22>kept");
  assert.equal(receiveDatagram(daemon)?.octets.toString(), "<22>kept");
  assert.equal(receiveDatagram(daemon), undefined);
  closeDescriptor(daemon);
});

test("what is lost when the daemon has stopped reading is counted", async () => {
  const path = join(dir, "stuck");
  const daemon = openListener({ type: "datagram", address: { family: "unix", path } });
  const sender = new SyslogSender(path, 100);
  for (let i = 0; i < 1_000; i++) sender.send(`<22>line ${i}`);
  let last = "";
  const end = performance.now() + 10_000;
  while (!/log lines were lost/.test(last) && performance.now() < end) {
    for (let one = receiveDatagram(daemon); one; one = receiveDatagram(daemon)) last = one.octets.toString();
    await turn();
  }
  assert.match(last, /^<22>pasargad\[\d+\]: \d{3} log lines were lost, syslog does not keep up$/);
  closeDescriptor(daemon);
});
