/**
 * The benchmark: the same work on Pasargad, Cyrus and Dovecot, interleaved; README.md says what and how.
 *
 *   npm run bench -- [--quick] [--scale F] [--rounds N] [--seconds S] [--servers a,b] [--work x,y] [--goals]
 *                    [--json FILE [--resume | --again]] [--no-syncs] [--refill] [--keep]
 *   npm run bench -- --report FILE [--goals]
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cache, type FillName, startFilled } from "./fill.ts";
import { pssKib } from "./measure/memory.ts";
import { hasStrace } from "./measure/syncs.ts";
import { report } from "./report.ts";
import { readResults, ResultFile, type Visit } from "./results.ts";
import { scaleOf } from "./scale.ts";
import { serverKinds } from "./servers/kinds.ts";
import type { BenchServer, ServerKind } from "./servers/server.ts";
import { startSyslog } from "./servers/syslog-sink.ts";
import { allWork } from "./work/all.ts";
import type { Context, Figure, Mode, Work } from "./work/work.ts";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    scale: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    servers: { type: "string" },
    work: { type: "string" },
    goals: { type: "boolean", default: false },
    "no-syncs": { type: "boolean", default: false },
    refill: { type: "boolean", default: false },
    json: { type: "string" },
    resume: { type: "boolean", default: false },
    again: { type: "boolean", default: false },
    report: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
if (options.report !== undefined) {
  process.stdout.write(report(readResults(options.report), { goals: options.goals }));
  process.exit();
}
const factor = Number(options.scale ?? (options.quick ? 0.01 : 1));
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
if (!(factor > 0) || !(rounds >= 1)) throw new Error("--scale and --rounds want positive numbers");
const kept = options.resume || options.again;
if (kept && options.json === undefined) throw new Error("--resume and --again go on with the file of --json");
const scale = scaleOf({ factor, ...(options.seconds === undefined ? {} : { seconds: Number(options.seconds) }) });
const say = (text: string): void => {
  process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
};

interface Started {
  readonly kind: ServerKind;
  server: BenchServer;
  readonly diskPerMessage: number | undefined;
  readonly restingPssKib: number;
  /** After the work; for those that are started anew in between, right before. */
  endPssKib?: number;
}

const works = chooseWork(options.work);
const kinds = chooseServers(options.servers);
const started: Started[] = [];
const file = new ResultFile(options.json, kept, {
  machine: machineFacts(),
  options: { scale: factor, rounds },
  servers: [],
  measured: [],
  syncs: [],
  failed: [],
});
if (options.again) {
  file.forget(
    kinds.map(({ name }) => name),
    works.map(({ name }) => name),
  );
}

const begun = Date.now();
const restoreLimits = raiseInotifyLimits();
const syslog = await startSyslog(join(cache, "run/syslog"));
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void stopAll().then(() => process.exit(1)));
try {
  await startAll();
  for (const work of works) {
    for (let round = 1; round <= Math.min(rounds, work.rounds ?? rounds); round++) await visitAll(work, round, "time");
  }
  if (!options["no-syncs"] && hasStrace()) {
    for (const work of works.filter((each) => each.writes)) await visitAll(work, 1, "syncs");
  }
  noteServers();
  say(`done in ${((Date.now() - begun) / 60_000).toFixed(1)} minutes; log lines went to syslog: ${syslog.kind}`);
  process.stdout.write(report(file.results, { goals: options.goals }));
} finally {
  await stopAll();
}

/** Works whose name, or the beginning of it, is asked for; all when nothing is. */
function chooseWork(text: string | undefined): readonly Work[] {
  if (text === undefined) return allWork;
  const wanted = text.split(",");
  for (const name of wanted) {
    if (!allWork.some((work) => matches(work.name, name))) {
      throw new Error(`no work "${name}"; there are ${allWork.map((work) => work.name).join(", ")}`);
    }
  }
  return allWork.filter((work) => wanted.some((name) => matches(work.name, name)));
}

/** `lmtp` stands for all of `lmtp_...`, `fetch` for all of `imap_fetch...`. */
function matches(name: string, wanted: string): boolean {
  return name.startsWith(wanted) || name.startsWith(`imap_${wanted}`);
}

function chooseServers(text: string | undefined): ServerKind[] {
  const wanted = text?.split(",");
  for (const name of wanted ?? []) {
    if (!serverKinds.some((kind) => kind.name === name)) {
      throw new Error(`no server "${name}"; there are ${serverKinds.map((kind) => kind.name).join(", ")}`);
    }
  }
  return serverKinds.filter((kind) => {
    if (wanted ? !wanted.includes(kind.name) : kind.optional) return false;
    const reason = kind.missing();
    if (reason !== undefined) say(`${kind.name} left out: ${reason}`);
    return reason === undefined;
  });
}

async function startAll(): Promise<void> {
  for (const kind of kinds) {
    const todo = works.filter((work) => isFor(work, kind) && left(work, kind).length > 0);
    // Nothing is left to measure of it, as a resumed run may find.
    if (todo.length === 0) continue;
    const fills = [...new Set(todo.flatMap((work): readonly FillName[] => work.fills))];
    try {
      const setting = { scaleName: String(factor), refill: options.refill, say };
      const { server, diskPerMessage } = await startFilled(kind, fills, scale, setting);
      started.push({ kind, server, diskPerMessage, restingPssKib: pssKib(server.account.pids()) });
      say(`${kind.name} ${server.version} runs`);
    } catch (error) {
      // The others can still be measured.
      file.fail({ server: kind.name, work: "start", reason: reasonOf(error) });
      say(`${kind.name} does not start: ${reasonOf(error)}`);
    }
  }
}

function isFor(work: Work, kind: ServerKind): boolean {
  return (work.only === undefined || work.only.includes(kind.name)) && (!kind.writesOnly || work.writes === true);
}

/** The visits of one server at one work that are not in the results yet. */
function left(work: Work, kind: ServerKind): Visit[] {
  const visits: Visit[] = [];
  for (let round = 1; round <= Math.min(rounds, work.rounds ?? rounds); round++) {
    visits.push({ server: kind.name, work: work.name, round, mode: "time" });
  }
  if (work.writes && !options["no-syncs"]) {
    visits.push({ server: kind.name, work: work.name, round: 1, mode: "syncs" });
  }
  return visits.filter((visit) => !file.has(visit));
}

/** One round of one work: each server in turn. */
async function visitAll(work: Work, round: number, mode: Mode): Promise<void> {
  for (const entry of started.slice()) {
    const { kind } = entry;
    const visit: Visit = { server: kind.name, work: work.name, round, mode };
    if (!isFor(work, kind) || file.has(visit)) continue;
    try {
      const restart: Context["restart"] = (whileStopped, options) => startAgain(entry, whileStopped, options);
      const figures = await work.run({ server: entry.server, scale, mode, round, restart });
      file.add(visit, figures);
      for (const figure of figures) say(lineOf(kind, figure, mode));
    } catch (error) {
      file.fail({ ...visit, reason: reasonOf(error) });
      say(`${kind.name} ${work.name}: ${reasonOf(error)}`);
    }
  }
}

async function startAgain(
  entry: Started,
  ...[whileStopped, options]: Parameters<Context["restart"]>
): Promise<BenchServer> {
  const { kind, server } = entry;
  entry.endPssKib ??= pssKib(server.account.pids());
  await server.stop();
  whileStopped?.(server);
  try {
    entry.server = await kind.start(server.dir, options);
  } catch (error) {
    // Nothing more can be measured of it; the others go on.
    started.splice(started.indexOf(entry), 1);
    throw error;
  }
  return entry.server;
}

function lineOf(kind: ServerKind, figure: Figure, mode: Mode): string {
  const where = `${kind.name} ${figure.name}`;
  if (mode === "syncs") return `${where}: ${figure.syncs?.toFixed(3)} syncs a ${figure.per}`;
  const cpu = figure.cpu === undefined ? "" : `, ${figure.cpu.toFixed(2)} us CPU a ${figure.per}`;
  const drift = figure.cpuDrift === undefined ? "" : ` (second half ${figure.cpuDrift.toFixed(2)} of the first)`;
  const doubt = figure.failures ? `, ${figure.failures} FAILURES: ${figure.firstFailure}` : "";
  return `${where}: ${figure.value.toFixed(2)} ${figure.unit}${cpu}${drift}${doubt}`;
}

function noteServers(): void {
  for (const { kind, server, diskPerMessage, restingPssKib, endPssKib } of started) {
    file.server({
      name: kind.name,
      version: server.version,
      configuration: server.configuration,
      account: server.account.kind,
      restingPssKib,
      endPssKib: endPssKib ?? pssKib(server.account.pids()),
      ...(diskPerMessage === undefined ? {} : { diskPerMessage }),
    });
  }
}

function machineFacts(): { readonly [name: string]: string | number } {
  return {
    date: new Date().toISOString().slice(0, 16),
    kernel: release(),
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    "load average at the start": loadavg()[0]?.toFixed(1) ?? "",
  };
}

async function stopAll(): Promise<void> {
  try {
    for (const { server } of started.splice(0)) {
      await server.stop();
      // Several gigabytes after a full run; what is wanted again stands in the archive of filled spools.
      if (!options.keep) rmSync(server.dir, { recursive: true, force: true });
    }
  } finally {
    syslog.stop();
    restoreLimits();
  }
}

/**
 * Dovecot tells IDLE sessions nothing once one account's inotify instances run out, and the default of 128 is soon
 * used up by the benchmark's one account. As root it can be raised for the time of the run.
 */
function raiseInotifyLimits(): () => void {
  const path = "/proc/sys/fs/inotify/max_user_instances";
  const wanted = 8_192;
  if (process.getuid?.() !== 0 || !existsSync(path)) return () => {};
  const before = Number(readFileSync(path, "utf8"));
  if (before >= wanted) return () => {};
  try {
    writeFileSync(path, String(wanted));
  } catch (error) {
    say(`cannot raise ${path}: ${reasonOf(error)}`);
    return () => {};
  }
  return () => writeFileSync(path, String(before));
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n    at ", 1)[0] ?? "";
}
