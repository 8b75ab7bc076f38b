/** Three writers as processes of their own, killed again and again while lanes work across them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Config, configFromText } from "../../../src/config/index.ts";
import { Mail, storeDirectory } from "../../../src/ops/index.ts";
import { existsSync } from "node:fs";
import { Random } from "../random.ts";
import { checkShards, inspect } from "./check.ts";
import { Lanes } from "./lane.ts";
import { isUnknown, prepare, runLane } from "./run-lanes.ts";
import { openSharded, settingsText, shards } from "./sharded-store.ts";

const program = resolve(import.meta.dirname, "../../../src/programs/cyr_stored.ts");

class Writers {
  readonly config: Config;
  private readonly root: string;
  private readonly configFile: string;
  private readonly running: ChildProcess[] = [];
  private ending = false;
  kills = 0;

  constructor(root: string, settings: readonly string[]) {
    this.root = root;
    this.configFile = join(root, "imapd.conf");
    writeFileSync(this.configFile, settingsText(root, settings));
    this.config = configFromText(settingsText(root, settings));
  }

  async start(): Promise<void> {
    for (let shard = 0; shard < shards; shard++) this.spawn(shard);
    const sockets = ["writer.sock", "writer-1.sock", "writer-2.sock"].map((name) =>
      join(storeDirectory(this.config), name),
    );
    while (!sockets.every((path) => existsSync(path))) await delay(20);
  }

  /** @throws Error when a writer has ended by itself */
  kill(shard: number): void {
    this.kills++;
    this.running[shard]!.kill("SIGKILL");
  }

  async end(): Promise<void> {
    this.ending = true;
    await Promise.all(
      this.running.map((one) => {
        const ended = new Promise((done) => one.on("exit", done));
        one.kill("SIGTERM");
        return one.exitCode === null && one.signalCode === null ? ended : undefined;
      }),
    );
  }

  private spawn(shard: number): void {
    const env = { ...process.env, PASARGAD_LOG: `file:${join(this.root, "log")}`, CYRUS_USER: "root" };
    const args = [program, "-C", this.configFile, "-s", String(shard)];
    const one = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit"] });
    this.running[shard] = one;
    one.on("exit", () => {
      if (!this.ending) this.spawn(shard);
    });
  }
}

export interface KillOptions {
  readonly directory: string;
  readonly seed: number;
  readonly lanes: number;
  readonly kills: number;
  readonly settings: readonly string[];
}
export interface KillReport {
  readonly kills: number;
  readonly answered: number;
  readonly refused: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

export async function killWriters({ directory, seed, lanes, kills, settings }: KillOptions): Promise<KillReport> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const writers = new Writers(directory, settings);
  await writers.start();
  const mail = new Mail(writers.config);
  await prepare(mail);
  const random = new Random(seed, 9);
  const all = new Lanes(lanes);
  const refused = new Map<string, number>();
  let answered = 0;
  let done = false;
  const work = all.lanes.map((lane) => {
    let isLost = false;
    return runLane(
      mail,
      lane,
      new Random(seed, 60 + lane.number),
      () => !done && !isLost,
      ({ answer }) => {
        if (!answer) return;
        answered++;
        const { refused: code } = answer;
        if (code !== undefined) refused.set(code, (refused.get(code) ?? 0) + 1);
        isLost = isUnknown(answer);
      },
    );
  });
  while (writers.kills < kills) {
    await delay(random.between(50, 700));
    writers.kill(random.below(shards));
  }
  await delay(500);
  done = true;
  await Promise.all(work);
  await mail.close();
  await writers.end();
  const again = await openSharded(directory, { threads: false, settings });
  for (let round = 0; round < 3; round++) await again.settle();
  await again.close();
  return { kills: writers.kills, answered, refused, problems: [...inspect(directory), ...checkShards(directory, all)] };
}
