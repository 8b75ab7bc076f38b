export { TlsContexts, ticketKeyPath } from "./tls-contexts.ts";
export { readTicketKey } from "./ticket-keys.ts";
export { type MadeCertificate, makeCertificate } from "./make-certificate.ts";
