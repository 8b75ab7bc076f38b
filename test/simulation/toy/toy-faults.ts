/** What the toy store can be made to do wrong; the simulation must catch each. */
export const toyFaults = {
  synchronousNormal: "commits are not synced",
  synchronousOff: "nothing of the database is synced",
  acknowledgeEarly: "the answer goes out before the commit",
  noSyncfs: "pending rows are deleted without syncing the files",
  syncfsBeforeFiles: "the files are written after the sync that was to cover them",
  lengthIsProof: "recovery looks at lengths and not at digests",
  digestIsProof: "recovery believes a file whose sync failed because its digest, read from memory, is right",
  unlinkSource: "expire unlinks files that pending copies still need",
  noSavepoint: "a refused action is not undone",
  noDirectorySync: "the name of the store's directory is not synced",
  uidFromRows: "uids are allotted from the rows, not from the last uid",
} as const;
export type ToyFault = keyof typeof toyFaults;
