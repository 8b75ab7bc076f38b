/** Named locks are in the shard of the owner whom the name tells of. */
import type { MboxName } from "../../formats/ids.ts";
import { type ShardLayout, shardOfName } from "../../store/index.ts";

/** A mailbox name, or one with a letter between asterisks in front (`*U*user.fred`), as lock files are named; any other name is shard 0's. */
export function shardOfClaim(claim: string, layout: ShardLayout): number {
  return shardOfName(claim.replace(/^\*[A-Z]\*/, "") as MboxName, layout);
}
