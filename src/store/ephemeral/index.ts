export { DuplicateDatabase, type DuplicateKey, type DuplicateMark } from "./duplicate-database.ts";
export { EphemeralDatabase, type EphemeralOptions } from "./ephemeral-database.ts";
