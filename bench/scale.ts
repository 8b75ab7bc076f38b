/** How large and how long everything is. Full size is what the goals speak of; `--quick` shows that it all works. */
export interface Scale {
  /** Seconds that a closed loop runs unmeasured first, where there is something to warm up. */
  readonly warmupSeconds: number;
  /** Seconds of a measured closed loop, unless it reaches the cap before. */
  readonly seconds: number;
  /** Deliveries and APPENDs of one measurement end at this number. */
  readonly mostMessages: number;
  readonly bigMailbox: number;
  readonly middleMailbox: number;
  readonly coldMailbox: number;
  readonly listMailboxes: number;
  readonly statusMailboxes: number;
  readonly idleConnections: readonly number[];
  readonly notifications: number;
  readonly millionMailbox: number;
}

const full: Scale = {
  warmupSeconds: 2,
  seconds: 6,
  mostMessages: 20_000,
  bigMailbox: 50_000,
  middleMailbox: 10_000,
  coldMailbox: 5_000,
  listMailboxes: 5_000,
  statusMailboxes: 200,
  idleConnections: [500, 2_000],
  notifications: 3,
  millionMailbox: 1_000_000,
};

/** @param factor 1 is full size; counts shrink with it, times with its square root; nothing gets meaninglessly small */
export function scaleOf(factor: number): Scale {
  const count = (n: number, least: number): number => Math.max(least, Math.round(n * factor));
  const time = (seconds: number): number => Math.max(0.3, seconds * Math.min(1, Math.sqrt(factor)));
  return {
    warmupSeconds: time(full.warmupSeconds),
    seconds: time(full.seconds),
    mostMessages: count(full.mostMessages, 200),
    bigMailbox: count(full.bigMailbox, 500),
    middleMailbox: count(full.middleMailbox, 200),
    coldMailbox: count(full.coldMailbox, 200),
    listMailboxes: count(full.listMailboxes, 100),
    statusMailboxes: count(full.statusMailboxes, 20),
    idleConnections: factor >= 1 ? full.idleConnections : [count(500, 40)],
    notifications: factor >= 0.5 ? full.notifications : 1,
    millionMailbox: count(full.millionMailbox, 10_000),
  };
}
