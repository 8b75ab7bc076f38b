import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageSource } from "./messages.ts";

test("the delivery mix has 9% of 50 KB, 0.4% of 1 MB, and a median near 4 KB", () => {
  const source = new MessageSource({ mix: "delivery", seed: 1 });
  const sizes = Array.from({ length: 500 }, () => source.next().rest.length).toSorted((a, b) => a - b);
  assert.equal(sizes.filter((n) => n > 900_000).length, 2);
  assert.ok(Math.abs(sizes.filter((n) => n > 45_000 && n < 60_000).length - 45) <= 2);
  assert.ok(sizes[250]! > 3_000 && sizes[250]! < 5_500, `median ${sizes[250]}`);
});

test("no bare line ends, no NUL, no line that begins with a dot, no long line", () => {
  const source = new MessageSource({ mix: "delivery", seed: 2, pool: 60 });
  for (let i = 0; i < 60; i++) {
    const { head, rest } = source.next();
    const text = head.toString("latin1") + rest.toString("latin1");
    assert.ok(!/(^|[^\r])\n/.test(text) && !/\r[^\n]/.test(text) && !text.includes("\0"));
    assert.ok(text.split("\r\n").every((line) => !line.startsWith(".") && line.length < 990));
    assert.ok(text.endsWith("\r\n"));
  }
});

test("every message has a Message-ID of its own", () => {
  const source = new MessageSource({ mix: "reading", seed: 3, pool: 10 });
  const heads = new Set(Array.from({ length: 100 }, () => source.next().head.toString()));
  assert.equal(heads.size, 100);
});
