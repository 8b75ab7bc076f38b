export {
  ancestorNames,
  canonicalDomain,
  deletedAt,
  deletedNameOf,
  domainOf,
  inboxOf,
  isBelow,
  isDeletedName,
  isInboxName,
  joinName,
  ownerOfName,
  parentName,
  pathOf,
  undeletedName,
} from "./internal.ts";
export { type NameGroup, Namespace, type NamespaceReply, type Viewer } from "./namespace.ts";
export { MAX_ADDRESS_CHARACTERS, parseRecipient, type Recipient, type RecipientSettings } from "./recipient.ts";
export { defaultNameSettings, type NameOptions, type NameSettings, nameSettings } from "./settings.ts";
export { isPathSafe, isPossibleName, isValidNewName, MAX_MAILBOX_NAME } from "./validate.ts";
