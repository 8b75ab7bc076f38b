/** The toy store as the simulation's subject. The fault comes from the environment, so that recorded programs have it too. */
import type { Subject } from "../workload/subject.ts";
import { toyFaults, type ToyFault } from "./toy-faults.ts";
import { readToyStore } from "./toy-reader.ts";
import { ToyStore } from "./toy-store.ts";

export const toyFaultVariable = "PASARGAD_TOY_FAULT";

/** @throws Error for a fault that does not exist */
export function toySubject(fault?: string): Subject {
  if (fault !== undefined && !(fault in toyFaults)) throw new Error(`no toy fault ${fault}`);
  return {
    name: fault === undefined ? "toy store" : `toy store (${fault})`,
    open: async (root) => new ToyStore(root, fault as ToyFault | undefined),
    observe: readToyStore,
    excluded: (path) => path.endsWith("-shm"),
  };
}
export const subject = toySubject(process.env[toyFaultVariable]);
