import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { type Child, stopChildren } from "./child.ts";

test("a process that cannot be killed does not hold up the end", async () => {
  const signals: string[] = [];
  const stuck = {
    spec: { kind: "SERVICE", name: "imap" },
    pid: 4711,
    running: true,
    groupAlive: true,
    ended: new Promise(() => {}),
    signalGroup: (signal: string) => void signals.push(signal),
  } as unknown as Child;
  const lines: string[] = [];
  const log = { ...silentLog, err: (line: string) => void lines.push(line) };
  const alive = setInterval(() => {}, 1_000); // else a wait without end would end the test's process
  await stopChildren([stuck], { graceMs: 0, killPatienceMs: 1, log });
  clearInterval(alive);
  assert.deepEqual(signals, ["SIGTERM", "SIGKILL"]);
  assert.deepEqual(lines, ["SERVICE imap pid 4711 cannot be killed, leaving it behind"]);
});
