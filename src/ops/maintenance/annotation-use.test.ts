import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { configFromText } from "../../config/index.ts";
import type { MboxName } from "../../formats/ids.ts";
import type { MessageBox, QuotaRow } from "../../store/index.ts";
import { openReader } from "../../store/database.ts";
import { nameOfBox, Site } from "../../store/writer/site.fixture.ts";
import { rulesOf } from "../rules.ts";
import { type Verb, VerbContext } from "../verb.ts";
import { fixAnnotationUse } from "./annotation-use.ts";
import { correctUse } from "./correct-use.ts";
import { removeExpunged } from "./expire.ts";
import { fixQuota } from "./fix-quota.ts";
import { recount } from "./reconstruct/recount.ts";

const ROOT = nameOfBox("user.fred");

class AnnotatedSite {
  readonly site: Site;
  readonly box: MessageBox;
  readonly other: MessageBox;
  private readonly tools: Parameters<typeof correctUse>[0];

  /** A quota root over two mailboxes. The first has 3 octets of its own, 10 with uid 1 and 20 with uid 2; nothing of it is counted. */
  constructor(t: TestContext) {
    const site = new Site(t);
    this.site = site;
    this.box = site.box("user.fred");
    this.other = site.box("user.fred.other");
    for (const text of ["one", "two"]) site.append(this.box, text);
    const none = { storageLimit: undefined, messageLimit: undefined, annotLimit: 100, folderLimit: undefined };
    const used = { storageUsed: 6, messageUsed: 2, annotUsed: 0, folderUsed: 2 };
    site.slice((tx) => tx.putQuota({ root: ROOT, ...none, ...used, modseq: 1 }));
    for (const [uid, octets] of [
      [0, 3],
      [1, 10],
      [2, 20],
    ] as const)
      site.db.run(
        "INSERT INTO annotation(uniqueid, uid, entry, userid, value, modseq) VALUES (?,?,'/comment','fred',?,1)",
        this.box.uniqueId,
        uid,
        Buffer.alloc(octets),
      );
    const reader = openReader(site.db.path);
    t.after(() => reader.close());
    const verbs: Record<string, Verb<never, unknown>> = {
      "maintenance.fix-annotation-use": fixAnnotationUse,
      "maintenance.fix-quota": fixQuota,
    };
    this.tools = {
      mail: { claim: () => Promise.resolve({ release() {} }) },
      writer: { ask: (verb: string, args: unknown) => Promise.resolve(this.run(verbs[verb]!, args as never)) },
      reader: { dbOfName: () => reader },
    } as unknown as Parameters<typeof correctUse>[0];
  }

  run<A, R>(verb: Verb<A, R>, args: A): R {
    const text = `configdirectory: ${this.site.directory}\npartition-default: ${this.site.directory}/default\n`;
    const caller = { userId: undefined, groups: [], isAdmin: true, sessionId: "test" };
    const context = new VerbContext(this.site.tx, rulesOf(configFromText(text)), caller);
    const result = this.site.slice(() => verb.run(context, args, []));
    if (typeof result !== "object" || result === null || !("next" in result)) return result as R;
    for (;;) {
      const step = this.site.slice(() => result.next());
      if (step.done) return step.value;
    }
  }

  correct(onlyReport = false) {
    return correctUse(this.tools, ROOT, { who: "test", onlyReport });
  }

  /** Octets that the header and the quota root say. */
  get said(): [number, number] {
    const quota = this.site.tx.quota(ROOT as MboxName) as QuotaRow;
    return [this.site.tx.peek(this.box.mbox)!.header.annotOctets, quota.annotUsed];
  }
}

test("reconstruct counts octets of annotations anew, for the quota root as well", (t) => {
  const site = new AnnotatedSite(t);
  const fixes = (dryRun: boolean): string[] =>
    site.run(recount, { box: site.box.uniqueId, dryRun }).fixes.filter((fix) => fix.startsWith("annotOctets"));
  assert.deepEqual(fixes(true), ["annotOctets 0, should be 33"]);
  assert.deepEqual(site.said, [0, 0]);
  assert.deepEqual(fixes(false), ["annotOctets 0, should be 33"]);
  assert.deepEqual(site.said, [33, 33]);
  assert.deepEqual(site.run(recount, { box: site.box.uniqueId, dryRun: false }).fixes, []);
});

test("quota -f counts them whatever headers say, and puts these right", async (t) => {
  const site = new AnnotatedSite(t);
  const reported = await site.correct(true);
  assert.deepEqual([reported?.before.annotUsed, reported?.after.annotUsed], [0, 33]);
  assert.deepEqual(site.said, [0, 0]);
  const corrected = await site.correct();
  assert.deepEqual([corrected?.before.annotUsed, corrected?.after.annotUsed], [0, 33]);
  assert.deepEqual(site.said, [33, 33]);
  assert.equal(await site.correct(), undefined);
  // A header that is wrong under a root that is right.
  site.site.slice((tx) => {
    const writer = tx.mailbox(site.box.mbox);
    writer.header.annotOctets = 50;
    writer.touch();
  });
  assert.equal(await site.correct(), undefined);
  assert.deepEqual(site.said, [33, 33]);
});

test("annotations of a message that goes for good are no longer counted", async (t) => {
  const site = new AnnotatedSite(t);
  await site.correct();
  const { box } = site;
  site.site.slice((tx) => tx.mailbox(box.mbox).expunge([{ first: 2, last: 2 }], 1, 100, 0, []));
  assert.equal(site.run(removeExpunged, { box: box.uniqueId, before: Number.MAX_SAFE_INTEGER }), 1);
  assert.deepEqual(site.said, [13, 13]);
  assert.equal(await site.correct(), undefined);
});
