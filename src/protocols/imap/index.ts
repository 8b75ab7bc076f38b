/** IMAP. See README.md. */
export { prepareImap } from "./service.ts";
