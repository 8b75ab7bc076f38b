import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./goals.ts";
import { number, report } from "./report.ts";
import type { Measured, Results } from "./results.ts";
import type { ServerName } from "./servers/server.ts";
import type { Figure } from "./work/work.ts";

const facts = (name: ServerName): Results["servers"][number] => ({
  name,
  version: "1",
  configuration: "as it comes",
  account: "cgroup2",
  restingPssKib: 1,
  endPssKib: 2,
});
const measured = (
  server: ServerName,
  name: string,
  value: number,
  cpu: number,
  more: Partial<Figure> = {},
): Measured => ({
  server,
  work: name,
  mode: "time",
  at: "2026-03-01T14:05",
  round: 1,
  figure: { name, unit: "msgs/s", better: "higher", value, cpu, per: "message", ...more },
});
const results = (list: readonly Measured[]): Results => ({
  machine: { cores: 2 },
  options: { scale: 1, rounds: 1 },
  servers: [...new Set(list.map(({ server }) => server))].map(facts),
  measured: list,
  syncs: [],
  failed: [],
});

test("numbers have three significant digits", () => {
  const shown = [0.08765, 1.2345, 12.345, 123.45, 1234.5, 0, undefined, Number.NaN].map(number);
  assert.deepEqual(shown, ["0.0877", "1.23", "12.3", "123", "1,235", "0", "-", "-"]);
});

test("a ratio is taken of the medians, and the best Dovecot is the harder one", () => {
  const text = report(
    results([
      measured("pasargad", "x", 100, 10),
      measured("pasargad", "x", 300, 10),
      measured("pasargad", "x", 200, 10),
      measured("cyrus", "x", 50, 40),
      measured("dovecot", "x", 400, 30),
      measured("dovecot-tuned", "x", 100, 5),
    ]),
    { goals: false },
  );
  assert.match(text, /\| x +\| +msgs\/s \| +200 \(100–300\) \| +50 \| +400 \| +100 \|/);
  assert.match(text, /\| x +\| +4 \| +4 \| +0.5 \| +0.5 \|/);
});

test("servers that answered differently are named", () => {
  const text = report(
    results([
      measured("pasargad", "x", 1, 1, { replies: { FETCH: 9, OK: 1 } }),
      measured("cyrus", "x", 1, 1, { replies: { FETCH: 10 } }),
    ]),
    { goals: false },
  );
  assert.match(text, /x: replies differ: pasargad: FETCH 9,.*cyrus: FETCH 10,/);
});

test("a goal against peers takes the best of them, and one without a figure is not judged", () => {
  const verdicts = judge(
    results([
      measured("pasargad", "imap_fetch_flags", 1, 0.4),
      measured("cyrus", "imap_fetch_flags", 1, 1),
      measured("dovecot", "imap_fetch_flags", 1, 0.7),
      measured("pasargad", "imap_select", 4, 1),
    ]),
  );
  const of = (figure: string): unknown => verdicts.find((each) => each.figure === figure)?.reached;
  assert.equal(of("imap_fetch_flags"), false);
  assert.equal(of("imap_select"), true);
  assert.equal(of("idle_memory_each"), undefined);
});

test("a goal says by how much, and compares with the best peer and with Cyrus", () => {
  const list = [
    measured("pasargad", "imap_login_c1", 1, 50),
    measured("cyrus", "imap_login_c1", 1, 200),
    measured("dovecot-tuned", "imap_login_c1", 1, 40),
  ];
  const verdict = judge(results(list)).find(({ figure }) => figure === "imap_login_c1");
  assert.equal(verdict?.target, 20);
  assert.equal(verdict?.short, 2.5);
  assert.deepEqual(verdict?.best, { server: "dovecot-tuned", value: 40, timesBetter: 0.8 });
  assert.deepEqual(verdict?.cyrus, { server: "cyrus", value: 200, timesBetter: 4 });
  assert.match(report(results(list), { goals: true }), /NOT reached by 2.5×.*dovecot-tuned 40 \(0.8×\).*200 \(4×\)/);
});

test("a measurement that was not steady is named", () => {
  const text = report(results([measured("pasargad", "x", 1, 1, { cpuDrift: 0.5 })]), { goals: false });
  assert.match(text, /pasargad, x, round 1: not steady, CPU of the second half 0.5 of the first/);
});
