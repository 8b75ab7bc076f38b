/** cyr_imapd: IMAP. -s: TLS from the start (imaps); -p N: strength of a layer outside of us; -N: logins without password; -q: quotas do not hold. */
import { requireMailStore } from "../config/index.ts";
import { prepareImap } from "../protocols/imap/index.ts";
import { runWorker } from "../server/worker/index.ts";

await runWorker({
  program: "cyr_imapd",
  ownFlags: "sp:Nq",
  prepare(context) {
    requireMailStore(context.config);
    return prepareImap(context);
  },
});
