/** cyr_lmtpd: LMTP. -a: clients over TCP (on loopback) need no login, as those on Unix sockets. */
import { requireMailStore } from "../config/index.ts";
import { prepareLmtp } from "../protocols/lmtp/index.ts";
import { runWorker } from "../server/worker/index.ts";

await runWorker({
  program: "cyr_lmtpd",
  ownFlags: "aq",
  prepare(context) {
    requireMailStore(context.config);
    return prepareLmtp(context);
  },
});
