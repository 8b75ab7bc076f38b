import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import type { DaemonEntry } from "../../config/index.ts";
import { Daemons } from "./daemons.ts";
import { FatalError } from "./fatal.ts";

const entry: DaemonEntry = {
  section: "DAEMON",
  name: "gone",
  file: "cyrus.conf",
  line: 1,
  cmd: ["/nonexistent/gone"],
  wait: false,
  maxfds: 0,
  maxforkrate: 0,
};

test("an executable that is missing ends a start, and is a line in the log once master is at work", async () => {
  const lines: string[] = [];
  const log = { ...silentLog, warning: (line: string) => void lines.push(line) };
  const childOptions = { log, monotonic: () => systemClock.monotonic(), output: "ignore" } as const;
  const places = { directory: "/nonexistent", extension: ".ts", searchPath: "/bin" };
  const daemons = new Daemons({ log, clock: systemClock, childOptions }, places);
  await assert.rejects(daemons.startWaited([entry]), FatalError);
  lines.length = 0;
  daemons.startOthers([entry]);
  assert.deepEqual(lines, ["cannot find executable for service 'gone' (/nonexistent/gone)"]);
  assert.equal(daemons.count, 0);
});
