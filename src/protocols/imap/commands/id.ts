import { release, type } from "node:os";
import { version } from "../../../config/index.ts";
import { idLine, parseId } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** ID: RFC 2971. What the client says of itself goes to the log. */
export const id: ImapCommand<ReadonlyMap<string, string | null> | null> = {
  name: "ID",
  state: "any",
  parse: parseId,
  run(session, client) {
    const { config, log } = session.service.context;
    if (session.identity === undefined && session.idAnswered) return "OK NIL";
    session.idAnswered = true;
    if (client !== null && client.size > 0) {
      const text = [...client].map(([field, value]) => `"${field}" ${value === null ? "NIL" : `"${value}"`}`).join(" ");
      log.info(`client id sessionid=<${session.sessionId}>: ${text}`);
    }
    idLine(session.out, config.imapidresponse ? serverFields(config.serverinfo === "on") : []);
    return "OK Completed";
  },
};

function serverFields(all: boolean): [string, string][] {
  const fields: [string, string][] = [["name", "Cyrus IMAPD"]];
  if (all) fields.push(["version", version]);
  fields.push(["vendor", "Project Cyrus"], ["support-url", "https://www.cyrusimap.org"]);
  if (all) fields.push(["os", type()], ["os-version", release()], ["environment", `Node.js ${process.version}`]);
  return fields;
}
