/** Dovecot 2.3, stock and tuned: the harness of the interop tests, inside an account of CPU time. */
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type DovecotSetup, findDovecot, startDovecot } from "../../test/peers/dovecot.ts";
import { openAccount } from "../measure/process-account.ts";
import { syncFilesystem } from "../measure/page-cache.ts";
import type { ServerKind, ServerName } from "./server.ts";

const fetchScript = resolve(import.meta.dirname, "../../test/peers/fetch-dovecot.sh");

interface Variant {
  readonly setup: DovecotSetup;
  readonly configuration: string;
  /** Lines put behind the configuration that the interop tests use. */
  readonly settings?: string;
  readonly optional?: boolean;
}

function kind(name: ServerName, { setup, configuration, settings, optional = false }: Variant): ServerKind {
  return {
    name,
    optional,
    writesOnly: optional,

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
        spawn(file, args, options) {
          // The configuration is there by now, and not read yet.
          if (settings !== undefined) appendFileSync(join(dir, "dovecot.conf"), settings);
          return account.spawn(file, args, options);
        },
      });
      if (!dovecot) throw new Error("no Dovecot");
      return {
        name,
        version: dovecot.version,
        configuration,
        imapPort: dovecot.imapPort,
        lmtpPort: dovecot.lmtpPort,
        password: dovecot.password,
        dir,
        account,
        collectable: false,
        coldPaths: (user) => ({ messages: join(dir, "mail", user) }),
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

const tuned = "sdbox, login and mail processes used again (20 sessions each), IDLE hibernation after 2 s";

export const dovecot = kind("dovecot", {
  setup: "stock",
  configuration: "Maildir, stock services, a process per connection",
});
export const dovecotTuned = kind("dovecot-tuned", { setup: "tuned", configuration: tuned });
/** As durable as the others: every change is synced before it is answered, flags too. */
export const dovecotDurable = kind("dovecot-durable", {
  setup: "tuned",
  configuration: `${tuned}, mail_fsync = always`,
  settings: "mail_fsync = always\n",
  optional: true,
});
