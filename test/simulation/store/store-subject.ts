/** The real store as the simulation's subject: with its threads in the recorded program, without them where states are recovered. */
import { join } from "node:path";
import { databasePath } from "../../../src/store/index.ts";
import type { Action } from "../workload/actions.ts";
import type { Subject } from "../workload/subject.ts";
import { OpenRealStore, partitionFolders, variants } from "./open-store.ts";
import { inspectHeaderFiles, readStore } from "./store-reader.ts";

const verbs: readonly Action["verb"][] = [
  "append",
  "deliver",
  "flags",
  "copy",
  "move",
  "expunge",
  "create",
  "rename",
  "delete",
  "quota",
  "acl",
  "relocate",
  "housekeeping",
];

/** @param variant a name in `variants` */
export function storeSubject(variant: string): Subject {
  const settings = variants[variant];
  if (!settings) throw new Error(`no variant ${variant}`);
  const spools = (root: string): ReadonlyMap<string, string> =>
    new Map([...partitionFolders].map(([name, folder]) => [name, join(root, folder)]));
  return {
    name: `store, ${variant}`,
    open: async (root) => new OpenRealStore(root, { variant: settings, threads: process.env["SIM_LOG"] !== undefined }),
    observe: (root) => readStore(databasePath(join(root, "store"), 0), spools(root)),
    inspect: (root) => [...spools(root).values()].flatMap(inspectHeaderFiles),
    excluded: (path) => path.endsWith("-shm"),
    script: {
      verbs,
      parents: true,
      sliced: true,
      sameOwner: true,
      wholeUsers: true,
      partitions: [...partitionFolders.keys()],
      largeOctets: 270_000,
    },
  };
}

/** The recorded program finds its variant in the environment. */
export const subject = storeSubject(process.env["SIM_VARIANT"] ?? "delayed");
