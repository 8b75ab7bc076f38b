/** IMAP. See README.md. */
export { ImapService, prepareImap } from "./service.ts";
export { ImapSession } from "./session.ts";
