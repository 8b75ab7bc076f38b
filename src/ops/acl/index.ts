export {
  type AclChange,
  type AclEntry,
  aclFromOption,
  canonicalIdentifier,
  changedRights,
  entryRights,
  parseAcl,
  printAcl,
  withEntry,
} from "./acl.ts";
export { Access, type AclOptions, type AclSettings, aclSettings, type Caller, defaultAclSettings } from "./caller.ts";
export { type ListRights, listRights } from "./list-rights.ts";
export {
  ALL_RIGHTS,
  ALL_STANDARD_RIGHTS,
  defaultLegacyRights,
  type LegacyRights,
  legacyRights,
  parseRights,
  printRights,
  Right,
  rightLetters,
  type Rights,
} from "./rights.ts";
