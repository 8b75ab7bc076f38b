import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { generations, LineSum } from "./format.ts";
import { CheckpointReader } from "./read.ts";

const [generation] = generations;

/** A generation whose list of mailboxes has these lines. */
function checkpoint(context: TestContext, values: readonly unknown[], change: (text: string) => string): string {
  const directory = mkdtempSync(join(tmpdir(), "checkpoint-"));
  context.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, generation));
  const text = (all: readonly unknown[]): string => {
    const sum = new LineSum();
    const lines = all.map((value) => JSON.stringify(value));
    for (const line of lines) sum.add(line);
    return [...lines, sum.end, ""].join("\n");
  };
  for (const name of ["quotas", "annotations", "subscriptions", "seen", "owners"])
    writeFileSync(join(directory, generation, name), text([["name"]]));
  writeFileSync(join(directory, generation, "mailboxes"), change(text(values)));
  return directory;
}

/** Longer than what is read at a time, with characters of several octets everywhere, also where two pieces meet. */
const values = Array.from({ length: 5 }, (_, n) => ({ entry: { name: `${n}${"\u20ac\u{1f4ec}".repeat(60_000)}` } }));

test("lines longer than a piece, and cut anywhere, come out as they were written", (context) => {
  const directory = checkpoint(context, values, (text) => text);
  assert.deepEqual([...CheckpointReader.newest(directory)!.mailboxes()], values);
});

test("a generation that is cut, longer or changed is none", (context) => {
  const changes = [
    (text: string): string => text.slice(0, -1),
    (text: string): string => text.slice(0, text.lastIndexOf("end ")),
    (text: string): string => `${text}{}\n`,
    (text: string): string => text.replace("\u20ac", "$"),
    (): string => "",
  ];
  for (const change of changes) {
    const directory = checkpoint(context, values.slice(0, 1), change);
    assert.equal(CheckpointReader.newest(directory), undefined, String(change));
  }
});
