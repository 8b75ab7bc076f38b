/**
 * Guessing of one password over many connections: the logins of one client network with one userid take turns. A failed one
 * keeps its turn until its pause is over, also when the client has hung up. Others do not wait: neither other users behind
 * the same address nor the same user elsewhere.
 */

export interface TurnLimits {
  /** Logins of one pair that wait: a program that opens a thousand connections as one user, with the right password, is let in. */
  readonly waiting: number;
  /** Pairs that have a turn now. With more, newcomers are checked at once: the limit protects memory, and must lock nobody out. */
  readonly pairs: number;
}
const defaultLimits: TurnLimits = { waiting: 4_096, pairs: 10_000 };

interface Waiter {
  readonly isWanted: () => boolean;
  /** @param isTurn false: it is sent away */
  readonly go: (isTurn: boolean) => void;
}

export class LoginTurns {
  /** Who waits for the turn of a pair that is taken. */
  readonly #pairs = new Map<string, Waiter[]>();
  readonly #limits: TurnLimits;

  constructor(limits = defaultLimits) {
    this.#limits = limits;
  }

  /**
   * Does `work` when those of the same pair that came before are over.
   * @param isWanted whether the client still waits; who hung up while it waited keeps no place from those who stay
   * @returns undefined, without calling `work`, when too many wait already or it was no longer wanted
   */
  async run<T>(
    { network, userid, isWanted }: { network: string; userid: string; isWanted: () => boolean },
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    const pair = `${network}\0${userid}`;
    const waiting = this.#pairs.get(pair);
    if (waiting !== undefined) {
      if (waiting.length >= this.#limits.waiting) sendAwayUnwanted(waiting);
      if (waiting.length >= this.#limits.waiting) return undefined;
      if (!(await new Promise<boolean>((go) => waiting.push({ isWanted, go })))) return undefined;
    } else if (this.#pairs.size < this.#limits.pairs) this.#pairs.set(pair, []);
    else return work();
    try {
      return await work();
    } finally {
      this.#passOn(pair);
    }
  }

  #passOn(pair: string): void {
    const waiting = this.#pairs.get(pair)!;
    sendAwayUnwanted(waiting);
    const next = waiting.shift();
    if (next === undefined) this.#pairs.delete(pair);
    else next.go(true);
  }
}

function sendAwayUnwanted(waiting: Waiter[]): void {
  let kept = 0;
  for (const waiter of waiting) {
    if (waiter.isWanted()) waiting[kept++] = waiter;
    else waiter.go(false);
  }
  waiting.length = kept;
}
