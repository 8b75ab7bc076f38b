/** How large and how long everything is. Full size is what the goals speak of; `--quick` shows that it all works. */

/** "long": whole sessions, deliveries, APPEND. "short": commands within one session. "brief": variants of one command. */
export type Length = "long" | "short" | "brief";

type Seconds = { readonly [length in Length]: number };

export interface Scale {
  /** Seconds of a measured closed loop. */
  readonly seconds: Seconds;
  /** Seconds of the same loop unmeasured before it, in the first round: caches fill, processes start, code is compiled. */
  readonly warmSeconds: Seconds;
  /** The same in later rounds. */
  readonly rewarmSeconds: Seconds;
  readonly bigMailbox: number;
  readonly middleMailbox: number;
  readonly coldMailbox: number;
  readonly listMailboxes: number;
  readonly statusMailboxes: number;
  /** Sessions in IDLE. */
  readonly idlers: number;
  /** Messages to the mailbox in which all of them idle. */
  readonly notifications: number;
  readonly millionMailbox: number;
}

const full: Scale = {
  seconds: { long: 4, short: 2.5, brief: 1.5 },
  warmSeconds: { long: 6, short: 3, brief: 1.5 },
  rewarmSeconds: { long: 1, short: 0.6, brief: 0.4 },
  bigMailbox: 50_000,
  middleMailbox: 10_000,
  coldMailbox: 5_000,
  listMailboxes: 5_000,
  statusMailboxes: 200,
  idlers: 2_000,
  notifications: 5,
  millionMailbox: 1_000_000,
};

export interface ScaleOptions {
  /** 1 is full size; counts shrink with it, times with its square root; nothing gets meaninglessly small. */
  readonly factor: number;
  /** Seconds of a long measurement in place of what the factor says; the others in proportion. Warm-up stays. */
  readonly seconds?: number;
}

export function scaleOf({ factor, seconds }: ScaleOptions): Scale {
  const count = (n: number, least: number): number => Math.max(least, Math.round(n * factor));
  const shrink = Math.min(1, Math.sqrt(factor));
  const times = (of: Seconds, by: number): Seconds => {
    const time = (length: Length): number => Math.max(0.3, of[length] * by);
    return { long: time("long"), short: time("short"), brief: time("brief") };
  };
  return {
    seconds: times(full.seconds, seconds === undefined ? shrink : seconds / full.seconds.long),
    warmSeconds: times(full.warmSeconds, shrink),
    rewarmSeconds: times(full.rewarmSeconds, shrink),
    bigMailbox: count(full.bigMailbox, 500),
    middleMailbox: count(full.middleMailbox, 200),
    coldMailbox: count(full.coldMailbox, 200),
    listMailboxes: count(full.listMailboxes, 100),
    statusMailboxes: count(full.statusMailboxes, 20),
    idlers: count(full.idlers, 40),
    notifications: factor >= 0.5 ? full.notifications : 2,
    millionMailbox: count(full.millionMailbox, 10_000),
  };
}
