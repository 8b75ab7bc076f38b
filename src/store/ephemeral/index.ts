export { DuplicateDatabase } from "./duplicate-database.ts";
export type { DuplicateKey, DuplicateMark } from "./duplicate-mark.ts";
export { EphemeralDatabase, type EphemeralOptions } from "./ephemeral-database.ts";
