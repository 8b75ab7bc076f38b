import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { openAccount, parseStat } from "./process-account.ts";

test("a command name with blanks and parentheses does not shift the fields", () => {
  const text = "42 (a) b (c) S 7 41 41 0 -1 4194560 100 200 0 0 11 12 13 14 20 0 1 0 5 6 7";
  assert.deepEqual(parseStat(text), { parent: 7, group: 41, ticks: 11 + 12 + 13 + 14 });
});

test("an account counts a child that came and went", async () => {
  const account = openAccount("test");
  const script = "echo ready; read go; sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'";
  const child = account.spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    if (child.stdout) await once(child.stdout, "data");
    assert.ok(account.pids().length >= 1);
    const before = account.cpuMicroseconds();
    child.stdin?.end("go\n");
    await once(child, "exit");
    if (account.kind !== "proc") assert.ok(account.cpuMicroseconds() > before);
  } finally {
    child.kill("SIGKILL");
    account.close();
  }
});
