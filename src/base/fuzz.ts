/** Feeds a parser with mutated inputs, the same ones for the same seed. For tests; a parser's target is in `x.fuzz.ts`. */

export interface FuzzTarget {
  readonly name: string;
  /** Must return for any octets; catches the errors its subject may throw, and throws for everything else. */
  run(octets: Uint8Array): void;
  /** Well-formed inputs from which mutation starts. */
  readonly seeds: readonly Uint8Array[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs to try. With neither limit given, 1,000. */
  readonly iterations?: number;
  /** Wall time after which no further input is begun. */
  readonly milliseconds?: number;
}

export interface FuzzResult {
  readonly iterations: number;
}

/** The input that made a target throw. `cause` is what it threw; `input` can be added to its seeds. */
export class FuzzFailure extends Error {
  override readonly name = "FuzzFailure";
  readonly input: Uint8Array;

  constructor(target: FuzzTarget, { seed }: FuzzOptions, iteration: number, input: Uint8Array, cause: unknown) {
    const hex = Buffer.from(input).toString("hex");
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`${target.name}: seed ${seed}, iteration ${iteration}, input ${hex}: ${reason}`, { cause });
    this.input = input;
  }
}

/** Inputs do not grow beyond this by mutation, so that every step stays cheap. */
const MAX_OCTETS = 16 * 1024;
const DEFAULT_ITERATIONS = 1_000;
/** Inputs that passed and are mutated further. */
const MAX_POOL = 256;

/** Runs every seed as it is, then mutations of them. @throws FuzzFailure for the first input that makes `run` throw */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzResult {
  const random = randomNumbers(options.seed);
  const pool = target.seeds.length > 0 ? target.seeds.map(copyOf) : [new Uint8Array()];
  const end = options.milliseconds === undefined ? undefined : performance.now() + options.milliseconds;
  const limit = options.iterations ?? (end === undefined ? DEFAULT_ITERATIONS : Number.POSITIVE_INFINITY);
  let iteration = 0;
  for (; iteration < limit; iteration++) {
    if (end !== undefined && performance.now() >= end) break;
    const untouched = iteration < target.seeds.length;
    const input = untouched ? copyOf(pool[iteration]!) : mutate(pool, random);
    try {
      // The target gets a copy: one that writes into its input must not change what is reported.
      target.run(copyOf(input));
    } catch (error) {
      throw new FuzzFailure(target, options, iteration, input, error);
    }
    if (!untouched && random(8) === 0) keep(pool, input, target.seeds.length, random);
  }
  return { iterations: iteration };
}

/** Integers from 0 to below `n`, 1 <= n <= 2^32, from a 32-bit seed (mulberry32's mixing). */
export type RandomNumbers = (n: number) => number;

export function randomNumbers(seed: number): RandomNumbers {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

function keep(pool: Uint8Array[], input: Uint8Array, seeds: number, random: RandomNumbers): void {
  if (pool.length < MAX_POOL) pool.push(input);
  else if (seeds < pool.length) pool[seeds + random(pool.length - seeds)] = input;
}

/** Octets at which parsers decide: ends, quotes, brackets, separators, signs, the edges of ASCII and of UTF-8. */
const telling = Buffer.from(
  "\0\t\n\r !\"#$%&'()*+,-./0189:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xbf\xc2\xe2\xf0\xff",
  "latin1",
);
/** Pieces of text that carry a meaning in most of our formats. */
const pieces = [
  "\r\n",
  "\n\n",
  "\\\n",
  "{1}\r\n",
  "{4294967296}\r\n",
  "-1",
  "2147483648",
  "18446744073709551616",
  "NIL",
  "\xc3\xa9",
].map((text) => Buffer.from(text, "latin1"));

function mutate(pool: readonly Uint8Array[], random: RandomNumbers): Uint8Array {
  let octets = pool[random(pool.length)]!;
  for (let rounds = 1 + random(4); rounds > 0; rounds--) octets = mutateOnce(octets, pool, random);
  return octets.length > MAX_OCTETS ? octets.subarray(0, MAX_OCTETS) : octets;
}

function mutateOnce(octets: Uint8Array, pool: readonly Uint8Array[], random: RandomNumbers): Uint8Array {
  const at = random(octets.length + 1);
  const to = Math.min(octets.length, at + random(random(8) === 0 ? 256 : 8));
  switch (random(8)) {
    case 0: {
      const copy = copyOf(octets);
      if (copy.length > 0) copy[at % copy.length]! ^= 1 << random(8);
      return copy;
    }
    case 1: {
      const copy = copyOf(octets);
      if (copy.length > 0) copy[at % copy.length] = telling[random(telling.length)]!;
      return copy;
    }
    case 2:
      return splice(octets, at, at, Uint8Array.of(telling[random(telling.length)]!));
    case 3:
      return splice(octets, at, to, new Uint8Array());
    case 4:
      return splice(octets, at, at, repeat(octets.subarray(at, to), 1 + random(16)));
    case 5:
      return splice(octets, at, at, pieces[random(pieces.length)]!);
    case 6: {
      const other = pool[random(pool.length)]!;
      return splice(octets, at, octets.length, other.subarray(random(other.length + 1)));
    }
    default:
      return octets.subarray(0, at);
  }
}

/** Not `slice`, which on a Buffer gives the same memory again. */
function copyOf(octets: Uint8Array): Uint8Array {
  return new Uint8Array(octets);
}

function splice(octets: Uint8Array, from: number, to: number, between: Uint8Array): Uint8Array {
  return Buffer.concat([octets.subarray(0, from), between, octets.subarray(to)]);
}

function repeat(octets: Uint8Array, times: number): Uint8Array {
  return Buffer.concat(Array.from({ length: times }, () => octets));
}
