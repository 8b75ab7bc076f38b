/** What is left of a deleted user beside others' mailboxes in other shards: which of their messages the user had seen. */
import type { MboxName } from "../../formats/ids.ts";
import { removeSeenOfUser } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import { ownerOfName } from "../names/index.ts";
import type { MailboxVerb } from "./verb.ts";

export const forgetUser: MailboxVerb<{ readonly inbox: MboxName }, void> = {
  name: "mailboxes.forget-user",
  run({ tx, access }, { inbox }) {
    if (!access.isAdminOf(inbox)) refuse("permissionDenied");
    const owner = ownerOfName(inbox) ?? refuse("badName");
    // Made again meanwhile: somebody else's by now.
    if (tx.entryAnywhere(inbox)) return;
    removeSeenOfUser(tx.db, owner);
  },
};
