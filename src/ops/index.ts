export { Access, type Caller, Right, type Rights } from "./acl/index.ts";
export { fileFailure, MailError, type MailErrorCode, refusalText, refuse } from "./errors.ts";
export {
  CallerMail,
  layoutOf,
  Mail,
  storeDirectory,
  type WriterDoor,
  writerSocketPath,
} from "./mail.ts";
export { partitionRoots } from "./roots.ts";
export type { AppendArgs, AppendResult } from "./messages/append.ts";
export type { CopyArgs, CopyResult } from "./messages/copy.ts";
export type { Delivered, DeliverArgs, DeliverTarget } from "./messages/deliver.ts";
export { type FlagArgs, namesOfUserBits, noFlags, systemFlagBit, systemFlagNames } from "./messages/flags.ts";
export { type ArrivalTime, type MessageArgs, messageArgs, takeIn } from "./messages/incoming.ts";
export { flagMask, hasOwnSeenFlag, requireRights } from "./messages/message-box.ts";
export * from "./messages/uid-ranges.ts";
export { openProgramMail, programCaller, writerOptions } from "./program-mail.ts";
export { type Rules, rulesOf } from "./rules.ts";
export { finishTransfers, startCourier } from "./transfer/index.ts";
export type { AuditNote } from "./verb.ts";
export { intentTable, refusalOf, type VerbName, type Verbs, verbTable } from "./verbs.ts";
