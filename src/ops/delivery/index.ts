/** Mail from outside into mailboxes. See README.md. */
export {
  type Arrival,
  ArrivingMessage,
  type ArrivalOptions,
  type ArrivalRules,
  type ArrivedMessage,
} from "./arriving-message.ts";
export { Delivery, type Outcome } from "./delivery.ts";
export { duplicatesPath, listDuplicates, pruneDuplicates } from "./duplicates.ts";
export { MAX_MEMORY_MESSAGE_OCTETS } from "./limits.ts";
export type { AcceptedRecipient, DeliveryRules, RecipientRequest, Resolution } from "./recipients.ts";
