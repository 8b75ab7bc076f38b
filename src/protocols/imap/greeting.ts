/** The first line, and what names the server: `serverinfo`. */
import { capabilityText } from "./capability.ts";
import type { ImapSession } from "./core.ts";
import { version } from "../../config/index.ts";

export function greeting(session: ImapSession): void {
  const { context, logins } = session.service;
  const { serverinfo } = context.config;
  const banner =
    serverinfo === "on"
      ? ` ${context.serverName} Cyrus IMAP ${version}`
      : serverinfo === "min"
        ? ` ${context.serverName}`
        : "";
  session.untagged(`OK [CAPABILITY ${capabilityText(session, false)}]${banner} server ready`);
  const motd = logins.files.motd();
  if (motd !== undefined) session.untagged(`OK [ALERT] ${motd}`);
}
