/** Dovecot 2.3, stock and tuned: the harness of the interop tests, inside an account of CPU time. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type DovecotSetup, findDovecot, startDovecot } from "../../test/peers/dovecot.ts";
import { openAccount } from "../measure/process-account.ts";
import { syncFilesystem } from "../measure/page-cache.ts";
import type { ServerKind, ServerName } from "./server.ts";

const fetchScript = resolve(import.meta.dirname, "../../test/peers/fetch-dovecot.sh");

function kind(name: ServerName, setup: DovecotSetup): ServerKind {
  return {
    name,

    missing() {
      const first = findDovecot();
      if ("root" in first) return undefined;
      if (process.getuid?.() === 0) spawnSync("sh", [fetchScript], { stdio: "inherit" });
      const found = findDovecot();
      return "missing" in found ? found.missing : undefined;
    },

    formatKey: () => `2.3-${setup}`,

    async start(dir) {
      mkdirSync(dir, { recursive: true });
      const account = openAccount(name);
      const dovecot = await startDovecot({
        setup,
        dir,
        spawn: (file, args, options) => account.spawn(file, args, options),
      });
      if (!dovecot) throw new Error("no Dovecot");
      const mail = (user: string): string => join(dir, "mail", user);
      return {
        name,
        version: dovecot.version,
        configuration:
          setup === "stock"
            ? "Maildir, stock services, a process per connection"
            : "sdbox, login and mail processes used again (20 sessions each), IDLE hibernation after 2 s",
        imapPort: dovecot.imapPort,
        lmtpPort: dovecot.lmtpPort,
        password: dovecot.password,
        dir,
        account,
        mailDir: mail,
        quiesce: async () => syncFilesystem(dir),
        async stop() {
          await dovecot.stop();
          account.close();
        },
      };
    },

    // Dovecot makes a user's INBOX at the first login or delivery.
    createUsers: async () => {},
  };
}

export const dovecot = kind("dovecot", "stock");
export const dovecotTuned = kind("dovecot-tuned", "tuned");
