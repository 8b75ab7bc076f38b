/** LISTRIGHTS (RFC 4314 §3.7): which rights an identifier always has on a mailbox, and which may be given to it, one by one. */
import type { MboxName, UserId } from "../../formats/ids.ts";
import type { AclSettings } from "./caller.ts";
import { printRights, Right, rightLetters } from "./rights.ts";

export interface ListRights {
  /** Letters; "" is printed as `""`. */
  readonly always: string;
  readonly optional: readonly string[];
}

/**
 * @param owner of the mailbox; undefined for a shared one
 * @param identifier canonical; undefined for one that can have no rights
 */
export function listRights(
  mailbox: { readonly name: MboxName; readonly owner: UserId | undefined },
  identifier: string | undefined,
  settings: AclSettings,
): ListRights {
  if (identifier === undefined) return { always: "", optional: [] };
  const isOwner = mailbox.owner !== undefined && identifier === mailbox.owner;
  const rights = isOwner ? settings.implicitOwnerRights : mailbox.owner === undefined ? 0 : Right.post;
  const always = printRights(rights, settings.legacy);
  return { always, optional: [...rightLetters].filter((letter) => !always.includes(letter)) };
}
