import { parseNothing } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** STARTTLS: RFC 3501 §6.2.1. */
export const startTls: ImapCommand<void> = {
  name: "STARTTLS",
  state: "any",
  parse: parseNothing,
  run(session, _args, { tag }) {
    const { connection, service, reader, out } = session;
    if (service.context.tls === undefined) return "BAD Unrecognized command";
    if (session.identity !== undefined) return "BAD Can't Starttls after authentication";
    if (connection.tls !== undefined) return "BAD Already did a successful Starttls";
    out.flush();
    // Whatever the client has sent ahead ends the connection there.
    connection.startTls(Buffer.from(`${tag} OK Begin TLS negotiation now\r\n`), reader.bufferedOctets);
    return undefined;
  },
};
