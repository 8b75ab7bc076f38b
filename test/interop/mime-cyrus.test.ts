/** Every message of the corpus, in a real Cyrus and in ours: the same refusals, and octet by octet the same answers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { loadCorpus } from "../corpus/corpus.ts";
import { ensureCyrus, type RunningCyrus } from "../peers/cyrus.ts";
import { ImapConnection } from "../peers/wire.ts";
import { compare } from "./mime-comparison.ts";

const noParts =
  "a multipart that has no boundary, or is closed before its first part: Cyrus shows an empty text, and loses " +
  "BODY[TEXT]; we show its whole content as text";
const hyphenAtEnd = 'a message that ends with "--boundary-" and no line end: Cyrus takes that for a delimiter';

/** Differences that stay, by message. */
const known: ReadonlyMap<string, string> = new Map([
  ...["bounceparser/spam-rejection15.msg.eml", "python-email/msg_25.txt.eml"].map((name) => [name, noParts] as const),
  ...["python-email/msg_41.txt.eml", "python-email/msg_42.txt.eml"].map((name) => [name, noParts] as const),
  ...[150, 151, 197, 201, 596, 597, 600, 601, 618, 623].map((n) => [`written/${n}`, noParts] as const),
  ["written/634", hyphenAtEnd],
]);

let cyrus: RunningCyrus | undefined;
before(async () => {
  cyrus = await ensureCyrus();
});
after(() => cyrus?.stop());

test("the corpus in Cyrus and in ours", async (t) => {
  if (!cyrus) {
    t.skip("no Cyrus on this machine: run test/peers/fetch-cyrus.sh");
    return;
  }
  const admin = await ImapConnection.open(cyrus.imapPort, cyrus.adminUser, cyrus.password);
  await admin.command("CREATE user/alice");
  admin.close();
  const imap = await ImapConnection.open(cyrus.imapPort, "alice", cyrus.password);
  await imap.command("SELECT INBOX");
  const unexpected: string[] = [];
  const agreed = new Set(known.keys());
  let messages = 0;
  for (const { name, octets } of loadCorpus()) {
    messages++;
    const differences = await compare(imap, octets);
    if (differences.length === 0) continue;
    agreed.delete(name);
    if (known.has(name)) continue;
    for (const { item, cyrus: theirs, ours } of differences) {
      unexpected.push(`${name} ${item}\n  Cyrus ${JSON.stringify(theirs)}\n  ours  ${JSON.stringify(ours)}`);
    }
  }
  imap.close();
  t.diagnostic(`${messages} messages compared with ${cyrus.installation.version}`);
  assert.ok(messages > 1_000);
  assert.deepEqual(unexpected.slice(0, 20), [], `${unexpected.length} differences`);
  assert.deepEqual([...agreed], [], "listed as different, but they agree");
});
