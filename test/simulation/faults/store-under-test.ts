/** A store that a test of faults works with, and what it asks of it. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { scratchDirectory } from "../disk/tree.ts";
import { rmSync } from "node:fs";
import { databasePath, MessageReader, StoreReader } from "../../../src/store/index.ts";
import type { MboxName } from "../../../src/formats/ids.ts";
import { OpenRealStore, partitionFolders, variants } from "../store/open-store.ts";
import { readStore } from "../store/store-reader.ts";
import { checkConsistency } from "../checker/consistency.ts";
import type { Action, Outcome } from "../workload/actions.ts";
import { messageDigest } from "../workload/expected.ts";

export class TestStore {
  readonly root: string;
  store!: OpenRealStore;
  /** Digests of what was acknowledged, by "mailbox uid". */
  readonly acknowledged = new Map<string, string>();
  private lastSeed = 0;

  constructor(t: TestContext, root = scratchDirectory("faults")) {
    this.root = root;
    t.after(() => rmSync(root, { recursive: true, force: true }));
  }
  open(threads = true): void {
    this.store = new OpenRealStore(this.root, { variant: variants["mixed"]!, threads });
  }
  async run(action: Action): Promise<Outcome> {
    let done: Outcome | undefined;
    const outcome = await this.store.run(action, (part) => (done = part));
    return outcome.ok ? (done ?? outcome) : outcome;
  }
  async create(name: string): Promise<void> {
    const outcome = await this.run({ verb: "create", name });
    if (!outcome.ok) throw new Error(outcome.refused);
  }
  /** "uid N", or the refusal's code. */
  async append(name: string, sizeOctets = 2000): Promise<string> {
    const message = { seed: ++this.lastSeed, sizeOctets };
    const outcome = await this.run({ verb: "append", name, message, flags: [], internaldate: 1_790_000_000 });
    if (!outcome.ok) return outcome.refused.split(":", 1)[0]!;
    const { uid } = outcome.stored![0]!;
    this.acknowledged.set(`${name} ${uid}`, messageDigest(message));
    return `uid ${uid}`;
  }
  flag(name: string, uids: readonly number[]): Promise<Outcome> {
    return this.run({ verb: "flags", name, uids, add: ["\\Flagged"], remove: [] });
  }
  async copy(from: string, uids: readonly number[], to: string): Promise<string> {
    const outcome = await this.run({ verb: "copy", from, uids, to });
    return outcome.ok ? `${outcome.copied?.length ?? 0} copied` : outcome.refused.split(":", 1)[0]!;
  }
  get databasePath(): string {
    return databasePath(join(this.root, "store"), 0);
  }
  get spools(): ReadonlyMap<string, string> {
    return new Map([...partitionFolders].map(([name, folder]) => [name, join(this.root, folder)]));
  }
  /** Directory of a mailbox on the default partition. */
  directory(uniqueId: string): string {
    return join(this.root, "spool/uuid", uniqueId[0]!, uniqueId[1]!, uniqueId);
  }
  uniqueId(name: string): string {
    const reader = new StoreReader(this.databasePath);
    const id = reader.view((snapshot) => snapshot.entry(name as MboxName)!.uniqueId);
    reader.close();
    return id;
  }
  /** The octets as a worker reads them. */
  async read(name: string, uid: number): Promise<Buffer> {
    const reader = new StoreReader(this.databasePath);
    try {
      const location = reader.view((snapshot) => {
        const { mbox, uniqueId, partition } = snapshot.entry(name as MboxName)!;
        return { mbox: mbox!, uniqueId, partition, uid, sizeOctets: snapshot.coldRow(mbox!, uid)!.sizeOctets };
      });
      return await new MessageReader(reader, this.spools).read(location);
    } finally {
      reader.close();
    }
  }
  messageFiles(uniqueId: string): string[] {
    const directory = this.directory(uniqueId);
    return existsSync(directory) ? readdirSync(directory).filter((name) => /^\d+\.$/.test(name)) : [];
  }
  /** Closes the store, and says what of the acknowledged is not there, or does not agree. */
  async problems(): Promise<string[]> {
    await this.store.close();
    const observed = readStore(this.databasePath, this.spools);
    const problems = checkConsistency(observed);
    for (const [key, digest] of this.acknowledged) {
      const [name, uid] = key.split(" ") as [string, string];
      const found = observed.mailboxes.get(name)?.messages.get(Number(uid))?.digest;
      if (found !== digest) problems.push(`${key}: ${found ?? "nowhere"}, was ${digest}`);
    }
    return problems;
  }
}
