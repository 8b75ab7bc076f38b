/** Every message of the corpus, in a real Cyrus and in ours: the same refusals, and octet by octet the same answers. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { loadCorpus } from "../corpus/corpus.ts";
import { ensureCyrus, type RunningCyrus } from "../peers/cyrus.ts";
import { ImapConnection } from "../peers/wire.ts";
import { compare, type Difference } from "./mime-comparison.ts";
import { randomMessages } from "./mime-random.ts";

const noParts =
  "a multipart that has no boundary, or is closed before its first part: Cyrus shows an empty text, and loses " +
  "BODY[TEXT]; we show its whole content as text";
/** Cyrus takes the ";" after an empty parameter value for the value, and loses the parameter behind it. */
const emptyValue = /=(?:\s|\([^)]*\))*;/;
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

/** A session with an empty INBOX selected; undefined, and the test skipped, without Cyrus. */
async function session(t: TestContext, user: string): Promise<ImapConnection | undefined> {
  if (!cyrus) {
    t.skip("no Cyrus on this machine: run test/peers/fetch-cyrus.sh");
    return undefined;
  }
  const admin = await ImapConnection.open(cyrus.imapPort, cyrus.adminUser, cyrus.password);
  await admin.command(`CREATE user/${user}`);
  admin.close();
  const imap = await ImapConnection.open(cyrus.imapPort, user, cyrus.password);
  await imap.command("SELECT INBOX");
  t.diagnostic(`compared with ${cyrus?.installation.version}`);
  return imap;
}

const show = (name: string, { item, cyrus: theirs, ours }: Difference): string =>
  `${name} ${item}\n  Cyrus ${JSON.stringify(theirs)}\n  ours  ${JSON.stringify(ours)}`;

test("the corpus in Cyrus and in ours", async (t) => {
  const imap = await session(t, "alice");
  if (!imap) return;
  const unexpected: string[] = [];
  const agreed = new Set(known.keys());
  let messages = 0;
  for (const { name, octets } of loadCorpus()) {
    messages++;
    const differences = await compare(imap, octets);
    if (differences.length === 0) continue;
    agreed.delete(name);
    if (known.has(name)) continue;
    unexpected.push(...differences.map((difference) => show(name, difference)));
  }
  imap.close();
  assert.ok(messages > 1_000);
  assert.deepEqual(unexpected.slice(0, 20), [], `${unexpected.length} differences`);
  assert.deepEqual([...agreed], [], "listed as different, but they agree");
});

test("random messages in Cyrus and in ours", async (t) => {
  const imap = await session(t, "bob");
  if (!imap) return;
  const seed = Number(process.env["SEED"] ?? 1);
  const unexpected: string[] = [];
  for (const octets of randomMessages(seed, 250)) {
    const differences = await compare(imap, octets);
    if (emptyValue.test(octets.toString("latin1"))) continue;
    // `noParts` above: Cyrus shows an empty part where we show its content.
    const structure = differences.find(({ item }) => item === "BODYSTRUCTURE");
    if (structure && countEmpty(structure.cyrus) > countEmpty(structure.ours)) continue;
    const name = JSON.stringify(octets.toString("latin1"));
    unexpected.push(...differences.map((difference) => show(name, difference)));
  }
  imap.close();
  assert.deepEqual(unexpected.slice(0, 20), [], `${unexpected.length} differences with seed ${seed}`);
});

function countEmpty(structure: string): number {
  return structure.split(' "7BIT" 0 0 NIL').length - 1;
}
