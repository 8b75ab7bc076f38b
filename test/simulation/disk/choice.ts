/** What reaches the disk of the things that no completed sync covers: one chooser makes one power-cut state. */
import type { Random } from "../random.ts";

export interface Chooser {
  /** Says in the report how this state was made. */
  readonly name: string;
  /** Whether the name operation at this place of the log is kept. */
  keepName(index: number): boolean;
  /** Whether a cut-off of a file is kept; without it nothing that was written to the file after it is. */
  keepTruncate(ino: number, index: number): boolean;
  /** Whether the file has at least the length that it had after this operation. */
  keepSize(ino: number, index: number): boolean;
  /** How many of the writes to one sector are kept, oldest first: 0 to `writes.length`. `writes`: places in the log. */
  sectorVersion(ino: number, writes: readonly number[]): number;
}

/** Everything uncovered is lost. */
export const dropAll: Chooser = {
  name: "drop all",
  keepName: () => false,
  keepTruncate: () => false,
  keepSize: () => false,
  sectorVersion: () => 0,
};
/** Everything reached the disk, synced or not: what a killed process leaves. */
export const keepAll: Chooser = {
  name: "keep all",
  keepName: () => true,
  keepTruncate: () => true,
  keepSize: () => true,
  sectorVersion: (_ino, writes) => writes.length,
};
/** Names and lengths are there, octets are not: files of zeros. */
export const namesOnly: Chooser = { ...keepAll, name: "names and lengths only", sectorVersion: () => 0 };
/** Names are there, files have their old length: empty files. */
export const bareNames: Chooser = {
  ...dropAll,
  name: "names only",
  keepName: () => true,
};
/** Octets of files are there, names are not. */
export const octetsOnly: Chooser = { ...keepAll, name: "octets only", keepName: () => false };

/** Each piece is kept with probability `p`, on its own. */
export function scattered(random: Random, p: number): Chooser {
  return {
    name: `scattered ${p}`,
    keepName: () => random.chance(p),
    keepTruncate: () => random.chance(p),
    keepSize: () => random.chance(p),
    sectorVersion: (_ino, writes) => {
      let kept = 0;
      while (kept < writes.length && random.chance(p)) kept++;
      return kept;
    },
  };
}

/** Names and lengths are there, of the octets some sectors: torn writes. */
export function torn(random: Random): Chooser {
  return {
    ...scattered(random, 0.5),
    name: "torn",
    keepName: () => true,
    keepTruncate: () => true,
    keepSize: () => true,
  };
}

/** Everything up to one place in the log reached the disk, nothing after it: writeback in order. */
export function prefix(limit: number): Chooser {
  const keep = (index: number): boolean => index < limit;
  return {
    name: `in order up to ${limit}`,
    keepName: keep,
    keepTruncate: (_ino, index) => keep(index),
    keepSize: (_ino, index) => keep(index),
    sectorVersion: (_ino, writes) => writes.filter(keep).length,
  };
}

/** Octets of each file all or not at all, and each name on its own: writeback file by file, in any order. */
export function wholeFiles(random: Random): Chooser {
  const files = new Map<number, boolean>();
  const keep = (ino: number): boolean => {
    let kept = files.get(ino);
    if (kept === undefined) files.set(ino, (kept = random.chance(0.5)));
    return kept;
  };
  return {
    name: "whole files",
    keepName: () => random.chance(0.5),
    keepTruncate: keep,
    keepSize: keep,
    sectorVersion: (ino, writes) => (keep(ino) ? writes.length : 0),
  };
}

/** One of the kinds above, by chance: extremes about half of the time, as most faults show there. */
export function randomChooser(random: Random, logLength: number): Chooser {
  return random.weighted<() => Chooser>([
    [3, () => dropAll],
    [1, () => keepAll],
    [1, () => namesOnly],
    [1, () => bareNames],
    [1, () => octetsOnly],
    [2, () => wholeFiles(random)],
    [3, () => torn(random)],
    [2, () => prefix(random.below(logLength + 1))],
    [3, () => scattered(random, random.pick([0.1, 0.5, 0.9]))],
  ])();
}
