/** A quota root's use put right by a program: measured here, corrected in the writer. */
import type { MboxName } from "../../formats/ids.ts";
import { MailError } from "../errors.ts";
import { type WrongUse, wrongAnnotationUse } from "./annotation-use.ts";
import { type FixQuotaResult, isSameUse, measureUse } from "./fix-quota.ts";
import type { Tools } from "./tools.ts";

/** The name that Cyrus has for its lock. */
const QUOTA_CLAIM = "$QUOTACHANGE";
/** How long another program that corrects quotas is waited for. */
const CLAIM_MILLISECONDS = 60_000;

/**
 * Counts a root's use and puts it right.
 * @param who for those who find the lock taken
 * @returns what it was and is, undefined when it is right
 * @throws MailError, ClaimRefused
 */
export async function correctUse(
  { mail, writer, reader }: Pick<Tools, "mail" | "writer" | "reader">,
  root: MboxName,
  { who, onlyReport = false }: { readonly who: string; readonly onlyReport?: boolean },
): Promise<FixQuotaResult | undefined> {
  const measure = (): FixQuotaResult | undefined => {
    const found = measureUse(reader.dbOfName(root), root);
    return found && !isSameUse(found.before, found.after) ? found : undefined;
  };
  const wrongHeaders = (): WrongUse[] => wrongAnnotationUse(reader.dbOfName(root), root);
  const wrong = measure();
  if (onlyReport || (wrong === undefined && wrongHeaders().length === 0)) return wrong;
  const claim = await mail.claim(QUOTA_CLAIM, who, CLAIM_MILLISECONDS);
  try {
    for (const header of wrongHeaders()) await unlessGone(writer.ask("maintenance.fix-annotation-use", header));
    const found = measure();
    return found && (await writer.ask("maintenance.fix-quota", { root, found }));
  } finally {
    claim.release();
  }
}

/** A mailbox that was deleted meanwhile needs no correction. */
async function unlessGone(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof MailError) || error.code !== "mailboxNonexistent") throw error;
  }
}
