import assert from "node:assert/strict";
import { test } from "node:test";
import { LogBuilder } from "../record/log-builder.ts";
import { Random } from "../random.ts";
import { bareNames, dropAll, keepAll, namesOnly, octetsOnly, prefix, randomChooser, type Chooser } from "./choice.ts";
import { chooseCuts } from "./cuts.ts";
import { DiskModel, treeDigest, type DiskOptions } from "./disk-model.ts";
import { checkKv, kvFaults, recoverKv, ToyKv, type KvFault } from "./toy-kv.ts";

/** "create f; write f 0 abc; sync f" as a log. `begin f`/`end 5` is a sync that ends later, or with an error. */
function script(steps: string): LogBuilder {
  const disk = new LogBuilder();
  let token = 0;
  for (const step of steps.split(";")) {
    const [verb, a = "", b = "", c = ""] = step.trim().split(" ");
    if (verb === "create") disk.create(a);
    else if (verb === "mkdir") disk.mkdir(a);
    else if (verb === "write") disk.write(a, Number(b), Buffer.from(c));
    else if (verb === "fill") disk.write(a, 0, Buffer.alloc(Number(c), b));
    else if (verb === "truncate") disk.truncate(a, Number(b));
    else if (verb === "rename") disk.rename(a, b);
    else if (verb === "link") disk.link(a, b);
    else if (verb === "unlink") disk.unlink(a);
    else if (verb === "sync") disk.sync(a === "/" ? "" : a);
    else if (verb === "syncfs") disk.sync(a, "syncfs");
    else if (verb === "begin") token = disk.syncBegin(a);
    else if (verb === "end") disk.syncEnd(token, Number(a));
    else throw new Error(`no such step: ${step}`);
  }
  return disk;
}
/** What is on disk after a cut at the end: `f=abc` a file with its octets (zeros as dots), `d/` a directory. */
function after(steps: string, chooser: Chooser, options: DiskOptions = {}): string {
  const model = new DiskModel(LogBuilder.initial, options);
  for (const operation of script(steps).operations) model.apply(operation);
  return model
    .afterCut(chooser)
    .map(({ path, content }) => (content ? `${path}=${content.toString("latin1").replaceAll("\0", ".")}` : `${path}/`))
    .toSorted()
    .join(" ");
}
const ext4: DiskOptions = { syncCoversAllNames: true };

test("a file needs a sync of its octets and one of its name", () => {
  const write = "create f; write f 0 abc";
  assert.equal(after(write, dropAll), "");
  assert.equal(after(write, keepAll), "f=abc");
  assert.equal(after(write, namesOnly), "f=...");
  assert.equal(after(write, bareNames), "f=");
  assert.equal(after(write, octetsOnly), "");
  assert.equal(after(`${write}; sync f`, dropAll), "");
  assert.equal(after(`${write}; sync f`, dropAll, ext4), "f=abc");
  assert.equal(after(`${write}; sync f`, bareNames), "f=abc");
  assert.equal(after(`${write}; sync /`, dropAll), "f=");
  assert.equal(after(`${write}; sync f; sync /`, dropAll), "f=abc");
  assert.equal(after(`${write}; syncfs`, dropAll), "f=abc");
});

test("a sync covers what was written before it began, and nothing when it fails or is not finished", () => {
  const begun = "create f; sync /; write f 0 abc; begin f; write f 3 def";
  assert.equal(after(`${begun}; end 0`, dropAll), "f=abc");
  assert.equal(after(`${begun}; end 5`, dropAll), "f=");
  assert.equal(after(begun, dropAll), "f=");
});

test("after a failed sync a later one does not bring the octets back, writing them again does", () => {
  const failed = "create f; sync /; write f 0 abc; begin f; end 5";
  assert.equal(after(`${failed}; sync f`, dropAll), "f=");
  assert.equal(after(`${failed}; write f 0 abc; sync f`, dropAll), "f=abc");
});

test("names in a directory that did not reach the disk are not there", () => {
  const build = "mkdir d; create d/f; sync d";
  assert.equal(after(build, dropAll), "");
  assert.equal(after(`${build}; sync /`, dropAll), "d/ d/f=");
  assert.equal(after(`${build}; sync d/f`, dropAll, ext4), "d/ d/f=");
});

test("syncfs covers one filesystem", () => {
  const build = "mkdir a; mkdir b; create a/f; write a/f 0 x; create b/f; write b/f 0 y; sync /";
  const mounts = { mounts: ["b"] };
  assert.equal(after(`${build}; syncfs a`, dropAll, mounts), "a/ a/f=x b/");
  assert.equal(after(`${build}; syncfs b`, dropAll, mounts), "a/ b/ b/f=y");
  assert.equal(after(`${build}; syncfs b`, dropAll), "a/ a/f=x b/ b/f=y");
});

test("a rename happens or does not", () => {
  const build = "create old; write old 0 1; syncfs; mkdir d; sync /; create d/new; write d/new 0 2; rename d/new old";
  assert.equal(after(build, dropAll), "d/ old=1");
  assert.equal(after(build, bareNames), "d/ old=");
  assert.equal(after(`${build}; sync old; sync /`, dropAll), "d/ old=2");
  // The sync of the root covers the rename, and with it the creation of the name in d that it took away.
  assert.equal(after(`${build}; sync /`, keepAll), "d/ old=2");
});

test("links share octets, unlinked files may come back", () => {
  const build = "create a; write a 0 x; link a b; syncfs; unlink a";
  assert.equal(after(build, dropAll), "a=x b=x");
  assert.equal(after(build, keepAll), "b=x");
});

test("writes are torn at sectors of 512 octets, and never inside", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const found = after("create f; fill f a 2048; syncfs; fill f b 2048", randomChooser(new Random(seed), 6)).slice(2);
    for (let sector = 0; sector < 4; sector++)
      assert.match(found.slice(sector * 512, sector * 512 + 512), /^(a{512}|b{512})$/);
    seen.add([0, 1, 2, 3].map((sector) => found[sector * 512]).join(""));
  }
  for (const expected of ["aaaa", "bbbb"]) assert.ok(seen.has(expected), expected);
  assert.ok(seen.size > 6, `torn states seen: ${[...seen].join(" ")}`);
});

test("a cut-off that did not reach the disk holds back what was written after it", () => {
  const build = "create f; write f 0 long-content; syncfs; truncate f 0; write f 0 new";
  assert.equal(after(build, { ...keepAll, keepTruncate: () => false }), "f=long-content");
  assert.equal(after(build, { ...keepAll, keepSize: () => false }), "f=");
  assert.equal(after(build, prefix(5)), "f=");
  assert.equal(after(build, keepAll), "f=new");
});

/** Runs the toy store and tries states; what the first wrong one was, or undefined when all were right. */
function provoke(fault: KvFault | undefined, seed: number, states: number): string | undefined {
  const random = new Random(seed);
  const disk = new LogBuilder();
  const store = new ToyKv(disk, fault);
  for (let i = 0; i < 40; i++) {
    const value = `${i}.${"v".repeat(random.pick([3, 3, 300, 3000]))}`;
    store.put(`k${random.below(6)}`, value, random.chance(0.1));
  }
  const cuts = chooseCuts(random, disk.operations, states);
  const model = new DiskModel(LogBuilder.initial);
  const reports: string[] = [];
  for (const cut of cuts) {
    while (model.position < cut) {
      const operation = disk.operations[model.position]!;
      model.apply(operation);
      if (operation.kind === "ack") reports.push(operation.text);
    }
    const chooser = randomChooser(random, cut);
    const [wrong] = checkKv(recoverKv(model.afterCut(chooser), fault), reports);
    if (wrong !== undefined) return `seed ${seed}, cut ${cut}, ${chooser.name}: ${wrong}`;
  }
  return undefined;
}

test("a correct key-value store is never blamed", () => {
  for (let seed = 1; seed <= 30; seed++) assert.equal(provoke(undefined, seed, 100), undefined);
});

for (const fault of Object.keys(kvFaults) as KvFault[])
  test(`a faulty key-value store is caught: ${kvFaults[fault]}`, () => {
    for (let seed = 1; seed <= 30; seed++) if (provoke(fault, seed, 100)) return;
    assert.fail(`no loss found with ${fault}`);
  });

test("a seed gives the same state again", () => {
  const digests = [1, 2].map(() => {
    const disk = new LogBuilder();
    const store = new ToyKv(disk);
    for (let i = 0; i < 9; i++) store.put(`k${i}`, "v".repeat(700));
    const model = new DiskModel(LogBuilder.initial);
    for (const operation of disk.operations) model.apply(operation);
    return treeDigest(model.afterCut(randomChooser(new Random(7), 50)));
  });
  assert.equal(digests[0], digests[1]);
});
