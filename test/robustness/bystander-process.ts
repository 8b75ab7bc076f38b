/**
 * The bystander's work in a process of its own, so that the waits it measures are the server's, not those of a test that is busy with hostile input.
 * Usage: node bystander-process.ts PORT USER. Says "ready", works until its standard input ends, then prints its figures as JSON.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { ImapClient } from "../support/wire-client.ts";

const [port, user] = process.argv.slice(2) as [string, string];
const commands = ["NOOP", "STATUS INBOX (MESSAGES)", "SEARCH UNSEEN"];
const client = await ImapClient.login(Number(port), user);
assert.match(await client.command("SELECT INBOX"), /TAG OK/);
const state = { isRunning: true };
process.stdin.on("end", () => (state.isRunning = false)).resume();
process.stdout.write("ready\n");
const waits: number[] = [];
while (state.isRunning) {
  const began = performance.now();
  assert.match(await client.command(commands[waits.length % commands.length]!), /TAG OK/);
  waits.push(performance.now() - began);
  await delay(5);
}
client.end();
const sorted = waits.toSorted((a, b) => a - b);
const figures = {
  answered: waits.length,
  p99Ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
  longestMs: Math.round(sorted.at(-1) ?? 0),
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
