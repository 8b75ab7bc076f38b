import { parseEnable } from "../../../formats/imap/index.ts";
import type { ImapCommand } from "../core.ts";

/** ENABLE: RFC 5161. Nothing that exists so far wants to be enabled; unknown names are passed over. */
export const enable: ImapCommand<readonly string[]> = {
  name: "ENABLE",
  state: "loggedIn",
  parse: parseEnable,
  run: () => "OK Completed",
};
