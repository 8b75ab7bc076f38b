/** The program that is recorded: three shards with their threads, and lanes that work on all of them. Argument: ShardsChildOptions as JSON. */
import { openSync, writeSync } from "node:fs";
import { Random } from "../random.ts";
import { Lanes } from "./lane.ts";
import { prepare, runLane } from "./run-lanes.ts";
import { openSharded } from "./sharded-store.ts";

export interface ShardsChildOptions {
  readonly root: string;
  readonly seed: number;
  readonly lanes: number;
  /** All lanes together. */
  readonly actions: number;
  readonly settings: readonly string[];
}

const options = JSON.parse(process.argv[2]!) as ShardsChildOptions;
const fd = openSync(process.env["SIM_ACK"]!, "a");
const mail = await openSharded(options.root, { threads: true, settings: options.settings });
await prepare(mail);
let left = options.actions;
const { lanes } = new Lanes(options.lanes);
await Promise.all(
  lanes.map((lane) =>
    runLane(
      mail,
      lane,
      new Random(options.seed, 50 + lane.number),
      () => left-- > 0,
      (line) => writeSync(fd, `${JSON.stringify(line)}\n`),
    ),
  ),
);
await mail.settle();
await mail.close();
process.exit(0);
