/** Mailboxes with directories by name: created, renamed, deleted and made again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LegacySite } from "./legacy-site.fixture.ts";

test("a mailbox lies where its name says, its children below it, and goes with its name", async (context) => {
  const site = new LegacySite(context);
  for (const box of ["user.alice", "user.alice.p", "user.alice.p.q"]) await site.create(box);
  assert.deepEqual([site.type("user.alice"), site.type("user.alice.p.q")], ["el", "el"]);
  await site.append("user.alice.p", "one");
  await site.append("user.alice.p.q", "deep");
  await site.settle();
  assert.deepEqual(site.files("default/a/user/alice"), ["p"]);
  assert.deepEqual(site.files("default/a/user/alice/p"), ["1.", "q"]);
  await site.append("user.alice.p", "two, not on disk yet");
  await site.rename("user.alice.p", "user.alice.r");
  await site.append("user.alice.r", "three");
  const expected = ["one", "two, not on disk yet", "three"];
  assert.deepEqual(await site.texts("user.alice.r"), expected, "before the files have followed");
  await site.settle();
  assert.deepEqual(await site.texts("user.alice.r"), expected);
  assert.deepEqual(await site.texts("user.alice.r.q"), ["deep"]);
  assert.deepEqual(site.files("default/a/user/alice"), ["r"], "the old directory is gone");
  assert.deepEqual(site.files("default/a/user/alice/r"), ["1.", "2.", "3.", "q"]);
});

test("a name that is used again at once gets nothing of what was there, and takes nothing along", async (context) => {
  const site = new LegacySite(context);
  for (const box of ["user.alice", "user.alice.p", "user.alice.copies"]) await site.create(box);
  await site.append("user.alice.p", "old one");
  await site.settle();
  await site.append("user.alice.p", "old two");
  await site.ask("alice", "copy", { from: "user.alice.p", uid: 1, to: "user.alice.copies" });
  await site.ask("alice", "copy", { from: "user.alice.p", uid: 2, to: "user.alice.copies" });
  await site.rename("user.alice.p", "user.alice.kept");
  await site.create("user.alice.p");
  await site.append("user.alice.p", "new one");
  await site.ask("alice", "copy", { from: "user.alice.kept", uid: 1, to: "user.alice.p" });
  const check = async (): Promise<void> => {
    assert.deepEqual(await site.texts("user.alice.kept"), ["old one", "old two"]);
    assert.deepEqual(await site.texts("user.alice.p"), ["new one", "old one"]);
    assert.deepEqual(await site.texts("user.alice.copies"), ["old one", "old two"]);
  };
  await check();
  await site.settle();
  await check();

  await site.ask("alice", "copy", { from: "user.alice.p", uid: 1, to: "user.alice.copies" });
  await site.remove("user.alice.p");
  await site.create("user.alice.p");
  await site.append("user.alice.p", "newest");
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await site.texts("user.alice.p"), ["newest"]);
    assert.deepEqual(await site.texts("user.alice.copies"), ["old one", "old two", "new one"]);
    await site.settle();
  }
  await site.remove("user.alice.p");
  await site.settle();
  assert.deepEqual(site.files("default/a/user/alice"), ["copies", "kept"]);
  const identities = site
    .files("default/uuid")
    .flatMap((a) => site.files(`default/uuid/${a}`).flatMap((b) => site.files(`default/uuid/${a}/${b}`)));
  assert.equal(identities.length, 3, "cache and header file of each that is left");
});

test("three names in a circle, before and after the files have followed", async (context) => {
  const site = new LegacySite(context);
  await site.create("user.alice");
  for (const box of ["a", "b"]) {
    await site.create(`user.alice.${box}`);
    await site.append(`user.alice.${box}`, `of ${box}`);
  }
  await site.settle();
  for (let round = 0; round < 3; round++) {
    await site.rename("user.alice.a", "user.alice.t");
    await site.rename("user.alice.b", "user.alice.a");
    await site.rename("user.alice.t", "user.alice.b");
    if (round === 1) await site.settle();
  }
  for (let round = 0; round < 2; round++) {
    assert.deepEqual([await site.texts("user.alice.a"), await site.texts("user.alice.b")], [["of b"], ["of a"]]);
    await site.settle();
  }
});

test("another partition, and a name that can be no directory", async (context) => {
  const site = new LegacySite(context);
  for (const box of ["user.alice", "user.alice.p"]) await site.create(box);
  await site.append("user.alice.p", "one");
  await site.settle();
  await site.append("user.alice.p", "two");
  await site.rename("user.alice.p", "user.alice.p", "second");
  await site.append("user.alice.p", "three");
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await site.texts("user.alice.p"), ["one", "two", "three"]);
    await site.settle();
  }
  assert.deepEqual(site.files("second/a/user/alice/p"), ["1.", "2.", "3."]);
  assert.deepEqual(site.files("default/a"), []);
  const long = `user.alice.${"x".repeat(260)}`;
  await site.rename("user.alice.p", long);
  await site.settle();
  assert.deepEqual(await site.texts(long), ["one", "two", "three"]);
  assert.deepEqual(site.files("second/a"), []);
  await site.rename(long, "user.alice.short");
  await site.settle();
  assert.deepEqual(site.files("second/a/user/alice/short"), ["1.", "2.", "3."]);
  assert.deepEqual(await site.texts("user.alice.short"), ["one", "two", "three"]);
});

test("with the writer's thread, a tree of names goes back and forth while mail comes in", async (context) => {
  const site = new LegacySite(context, true);
  const names = ["", ".a", ".a.x", ".a.y", ".b"].map((end) => `user.alice.p${end}`);
  await site.create("user.alice");
  for (const box of names) await site.create(box);
  const texts = names.map((): string[] => []);
  for (let round = 0; round < 6; round++) {
    const [from, to] = round % 2 === 0 ? ["user.alice.p", "user.alice.q"] : ["user.alice.q", "user.alice.p"];
    for (const [n, box] of names.entries()) {
      texts[n]!.push(`${round} ${box}`);
      await site.append(box.replace("user.alice.p", from), texts[n]!.at(-1)!);
    }
    await site.rename(from, to);
    for (const [n, box] of names.entries()) {
      assert.deepEqual(await site.texts(box.replace("user.alice.p", to)), texts[n]);
    }
  }
  await site.settle();
  for (const [n, box] of names.entries()) assert.deepEqual(await site.texts(box), texts[n]);
  assert.deepEqual(site.files("default/a/user/alice"), ["p"]);
  assert.deepEqual(site.files("default/a/user/alice/p/a/y"), ["1.", "2.", "3.", "4.", "5.", "6."]);
});

test("whatever a power cut leaves of files that follow names, each message has its own octets after it", async (context) => {
  for (let seed = 1; seed <= 25; seed++) {
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >>> 8) % below;
    };
    const site = new LegacySite(context);
    const names = ["a", "b", "a.x"].map((box) => `user.alice.${box}`);
    const expected = new Map<string, string[]>();
    const log: string[] = [];
    await site.create("user.alice");
    for (let step = 0; step < 60; step++) {
      const box = names[random(names.length)]!;
      const other = names[random(names.length)]!;
      const texts = expected.get(box);
      const kind = random(9);
      if (!texts) {
        await site.create(box);
        // A missing parent is made with it.
        for (const made of box === "user.alice.a.x" ? ["user.alice.a", box] : [box]) {
          if (!expected.has(made)) expected.set(made, []);
        }
        log.push(`create ${box}`);
      } else if (kind <= 2) {
        texts.push(`${step} of seed ${seed}`);
        await site.append(box, texts.at(-1)!);
        log.push(`append ${box}`);
      } else if (kind === 3 && expected.has(other) && texts.length > 0) {
        const uid = 1 + random(texts.length);
        expected.get(other)!.push(texts[uid - 1]!);
        await site.ask("alice", "copy", { from: box, uid, to: other });
        log.push(`copy ${box} ${uid} ${other}`);
      } else if (kind <= 5 && !expected.has(other) && !other.startsWith(`${box}.`)) {
        await site.rename(box, other);
        for (const [old, kept] of Array.from(expected)) {
          if (old !== box && !old.startsWith(`${box}.`)) continue;
          expected.delete(old);
          expected.set(other + old.slice(box.length), kept);
        }
        if (other === "user.alice.a.x" && !expected.has("user.alice.a")) expected.set("user.alice.a", []);
        log.push(`rename ${box} ${other}`);
      } else if (kind === 6 && ![...expected.keys()].some((one) => one.startsWith(`${box}.`))) {
        await site.remove(box);
        expected.delete(box);
        log.push(`delete ${box}`);
      } else if (kind === 7) {
        log.push("settle");
        await site.settle();
      } else if (kind === 8) {
        log.push("crash");
        site.crash(random, () => random(3) > 0);
      }
      for (const [one, kept] of expected) {
        assert.deepEqual(await site.texts(one), kept, `seed ${seed}: ${one} after ${log.join(", ")}`);
      }
    }
  }
});
