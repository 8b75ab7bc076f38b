import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { createLog } from "../../base/log.ts";
import { ReadinessWatcher } from "../../base/native/index.ts";
import { parseProto, type ServiceEntry } from "../../config/index.ts";
import { Services } from "./services.ts";

/** One preforked process on a port that the kernel chooses, at an address that takes a look-up. */
const entry: ServiceEntry = {
  section: "SERVICES",
  name: "late",
  file: "cyrus.conf",
  line: 1,
  cmd: ["/bin/sleep", "5"],
  listen: "127.0.0.1:0",
  proto: "tcp4",
  endpoint: {
    listen: { kind: "inet", host: "127.0.0.1", port: 0 },
    transport: parseProto("tcp4")!,
  },
  prefork: 1,
  maxchild: undefined,
  maxfds: 0,
  maxforkrate: 0,
  babysit: false,
};

test("a reload that was under way when everything was closed opens and starts nothing", async () => {
  const log = createLog({ ident: "test" });
  const watcher = new ReadinessWatcher();
  const childOptions = {
    log,
    monotonic: () => systemClock.monotonic(),
    output: "ignore",
  } as const;
  const services = new Services({
    host: { log, clock: systemClock, watcher, childOptions, maxWorkers: 1 },
    places: { directory: "/nonexistent", extension: ".ts", searchPath: "/bin" },
    backlog: 1,
    tos: 0,
  });
  const reload = services.reload([entry], false);
  services.close();
  await reload;
  const started = services.children;
  for (const child of started) child.signalGroup("SIGKILL");
  services.close();
  watcher.close();
  assert.equal(services.openSockets, 0);
  assert.deepEqual(started, []);
});
