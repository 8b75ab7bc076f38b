/**
 * The benchmark: the same work on Pasargad, Cyrus and Dovecot, interleaved; README.md says what and how.
 *
 *   npm run bench -- [--quick] [--scale F] [--rounds N] [--seconds S] [--servers a,b] [--work x,y] [--goals]
 *                    [--no-syncs] [--refill] [--json FILE] [--keep]
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { type FillName, startFilled } from "./fill.ts";
import { pssKib } from "./measure/memory.ts";
import { hasStrace } from "./measure/syncs.ts";
import { report } from "./report.ts";
import type { Failed, Measured, Results, ServerFacts } from "./results.ts";
import { scaleOf } from "./scale.ts";
import { serverKinds } from "./servers/kinds.ts";
import type { BenchServer, ServerKind } from "./servers/server.ts";
import { allWork } from "./work/all.ts";
import type { Mode, Work } from "./work/work.ts";

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
    keep: { type: "boolean", default: false },
  },
});
const factor = Number(options.scale ?? (options.quick ? 0.01 : 1));
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
if (!(factor > 0) || !(rounds >= 1)) throw new Error("--scale and --rounds want positive numbers");
const scale =
  options.seconds === undefined ? scaleOf(factor) : { ...scaleOf(factor), seconds: Number(options.seconds) };
const say = (text: string): void => {
  process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
};

const works = chooseWork(options.work);
const kinds = chooseServers(options.servers);
const started: { kind: ServerKind; server: BenchServer; diskPerMessage: number | undefined; restingPssKib: number }[] =
  [];
const measured: Measured[] = [];
const syncs: Measured[] = [];
const failed: Failed[] = [];

const restoreLimits = raiseInotifyLimits();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void stopAll().then(() => process.exit(1)));
try {
  await startAll();
  for (const work of works) {
    for (let round = 1; round <= rounds; round++) await visit(work, round, "time");
  }
  if (!options["no-syncs"] && hasStrace()) {
    for (const work of works.filter((each) => each.writes)) await visit(work, 1, "syncs");
  }
  const results = gather();
  process.stdout.write(report(results, { goals: options.goals }));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, undefined, 1)}\n`);
} finally {
  await stopAll();
}

/** Works whose name, or the beginning of it, is asked for; all but the optional ones when nothing is. */
function chooseWork(text: string | undefined): Work[] {
  if (text === undefined) return allWork.filter((work) => !work.optional);
  const wanted = text.split(",");
  for (const name of wanted) {
    if (!allWork.some((work) => matches(work.name, name))) {
      throw new Error(`no work "${name}"; there are ${allWork.map((work) => work.name).join(", ")}`);
    }
  }
  return allWork.filter((work) =>
    wanted.some((name) => (work.optional ? work.name === name : matches(work.name, name))),
  );
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
    if (wanted && !wanted.includes(kind.name)) return false;
    const reason = kind.missing();
    if (reason !== undefined) say(`${kind.name} left out: ${reason}`);
    return reason === undefined;
  });
}

async function startAll(): Promise<void> {
  const fills = [...new Set(works.flatMap((work): readonly FillName[] => work.fills))];
  for (const kind of kinds) {
    try {
      const setting = { scaleName: String(factor), refill: options.refill, say };
      const { server, diskPerMessage } = await startFilled(kind, fills, scale, setting);
      started.push({ kind, server, diskPerMessage, restingPssKib: pssKib(server.account.pids()) });
      say(`${kind.name} ${server.version} runs`);
    } catch (error) {
      // The others can still be measured.
      failed.push({ server: kind.name, work: "start", reason: reasonOf(error) });
      say(`${kind.name} does not start: ${reasonOf(error)}`);
    }
  }
}

/** One round of one work: each server in turn. */
async function visit(work: Work, round: number, mode: Mode): Promise<void> {
  for (const { kind, server } of started) {
    if (work.only && !work.only.includes(kind.name)) continue;
    try {
      const figures = await work.run({ server, scale, mode });
      const into = mode === "syncs" ? syncs : measured;
      for (const figure of figures) {
        into.push({ server: kind.name, round, figure });
        say(lineOf(kind, figure, mode));
      }
    } catch (error) {
      failed.push({ server: kind.name, work: work.name, reason: reasonOf(error) });
      say(`${kind.name} ${work.name}: ${reasonOf(error)}`);
    }
  }
}

function lineOf(kind: ServerKind, figure: (typeof measured)[number]["figure"], mode: Mode): string {
  const where = `${kind.name} ${figure.name}`;
  if (mode === "syncs") return `${where}: ${figure.syncs?.toFixed(3)} syncs a ${figure.per}`;
  const cpu = figure.cpu === undefined ? "" : `, ${figure.cpu.toFixed(2)} us CPU a ${figure.per}`;
  const doubt = figure.failures ? `, ${figure.failures} FAILURES: ${figure.firstFailure}` : "";
  return `${where}: ${figure.value.toFixed(2)} ${figure.unit}${cpu}${doubt}`;
}

function gather(): Results {
  const servers = started.map(({ kind, server, diskPerMessage, restingPssKib }): ServerFacts => {
    return {
      name: kind.name,
      version: server.version,
      configuration: server.configuration,
      account: server.account.kind,
      restingPssKib,
      endPssKib: pssKib(server.account.pids()),
      ...(diskPerMessage === undefined ? {} : { diskPerMessage }),
    };
  });
  const machine = {
    date: new Date().toISOString().slice(0, 16),
    kernel: release(),
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    "load average at the end": loadavg()[0]?.toFixed(1) ?? "",
  };
  return { machine, options: { scale: factor, rounds }, servers, measured, syncs, failed };
}

async function stopAll(): Promise<void> {
  for (const { server } of started.splice(0)) {
    await server.stop();
    // Several gigabytes after a full run; what is wanted again stands in the archive of filled spools.
    if (!options.keep) rmSync(server.dir, { recursive: true, force: true });
  }
  restoreLimits();
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
  return error instanceof Error ? error.message : String(error);
}
