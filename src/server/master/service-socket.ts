/**
 * One listening socket of a SERVICES entry and the processes that serve it. Master holds the descriptor and never accepts
 * on it. Two kinds of processes: *workers* (ours, each serves many sessions) and *foreign* programs (one session each,
 * counted as Cyrus counts them).
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { closeDescriptor, type ReadinessWatcher, setNonblocking, type Watch } from "../../base/native/index.ts";
import type { ServiceEntry } from "../../config/index.ts";
import { Child, type ChildExit, type ChildOptions, type Runnable } from "./child.ts";
import type { BoundSocket } from "./listeners.ts";
import { Backoff, ForkRate, ReadyFailures, shares } from "./pace.ts";
import { encodeStatus, statusCodes, StatusReader } from "./status-records.ts";

export interface SocketHost {
  readonly log: Log;
  readonly clock: Clock;
  readonly watcher: ReadinessWatcher;
  readonly childOptions: ChildOptions;
  /** Our workers that one socket gets at most: one a core. */
  readonly maxWorkers: number;
}

interface Member {
  readonly child: Child;
  /** Foreign: waiting for a connection, as Cyrus counts it. Worker: accepting. A new child counts as ready. */
  ready: boolean;
  /** It has told us something since it started. */
  spoke: boolean;
  /** Workers only. */
  sessions: number;
  share: number;
}

/** Cyrus looks again every 0.4 s while a service forks faster than it may. */
const forkRateRetryMs = 400;
/** What a service without `maxforkrate` may do: enough for anything that works, and no busy loop for what does not. */
const safetyForkRate = 50;
/** The machine could not start a process at all. */
const shortageRetryMs = 1_000;
/** Children not recycled this long after SIGHUP are mentioned in the log. */
const hangupPatienceMs = 30_000;

export class ServiceSocket {
  readonly id: number;
  readonly socket: BoundSocket;
  #entry: ServiceEntry;
  #command: Runnable;
  readonly #host: SocketHost;
  readonly #members = new Set<Member>();
  readonly #failures = new ReadyFailures();
  readonly #backoff = new Backoff({ maxMs: 5_000 });
  #forkRate: ForkRate;
  #notBefore = 0;
  #pending = false;
  #watch: Watch | undefined;
  #retry: Timer | undefined;
  #state: "open" | "disabled" | "closed" = "open";
  #totalForks = 0;

  constructor(socket: BoundSocket, id: number, entry: ServiceEntry, command: Runnable, host: SocketHost) {
    this.socket = socket;
    this.id = id;
    this.#entry = entry;
    this.#command = command;
    this.#host = host;
    this.#forkRate = this.#newForkRate();
  }

  /** `imap/ipv4`, as log lines have it. */
  get label(): string {
    return `${this.#entry.name}/${this.socket.family}`;
  }
  get children(): Child[] {
    return [...this.#members].map(({ child }) => child);
  }
  get open(): boolean {
    return this.#state === "open";
  }

  /** Starts what is wanted, tells workers their share, and looks out for connections when nobody serves them. */
  balance(): void {
    if (this.#state !== "open") return;
    this.#retry?.cancel();
    this.#retry = undefined;
    // Whoever is ready will take the connection that woke us.
    if ([...this.#members].some(({ ready }) => ready)) this.#pending = false;
    while (this.#wantsAnother()) {
      const now = this.#host.clock.monotonic();
      const wait = now < this.#notBefore ? this.#notBefore - now : this.#forkRate.allows(now) ? 0 : forkRateRetryMs;
      if (wait > 0) {
        this.#retry = this.#host.clock.after(Math.ceil(wait), () => this.balance());
        break;
      }
      this.#pending = false;
      this.#spawn(now);
    }
    this.#tellShares();
    this.#lookOut();
  }

  /** SIGHUP: perhaps another entry and program for the same socket; everybody is asked to make room for new processes. */
  reload(entry: ServiceEntry, command: Runnable): void {
    this.#entry = entry;
    this.#command = command;
    this.#forkRate = this.#newForkRate();
    this.#failures.reset();
    this.#backoff.reset();
    this.#notBefore = 0;
    this.hangUp();
    // Workers stop accepting at once; foreign programs decide for themselves, and are replaced when they have gone.
    for (const member of this.#members) if (isWorker(member)) member.ready = false;
    this.balance();
  }

  /** Asks all processes to finish what they do and go. */
  hangUp(): void {
    for (const { child } of this.#members) {
      child.hungUpAt ??= this.#host.clock.monotonic();
      child.signal("SIGHUP");
    }
  }

  /** Stops listening and starting; processes go on until they are told. */
  close(): void {
    if (this.#state === "closed") return;
    this.#stopLooking();
    if (this.#state === "open") closeDescriptor(this.socket.fd);
    this.#state = "closed";
  }

  /** Called every few seconds: mentions children that SIGHUP did not move. */
  janitor(): void {
    const now = this.#host.clock.monotonic();
    for (const { child, ready, sessions } of this.#members) {
      if (child.hungUpAt === undefined || now - child.hungUpAt < hangupPatienceMs) continue;
      const seconds = Math.round((now - child.hungUpAt) / 1000);
      const state = ready ? "READY" : sessions > 0 ? `BUSY (${sessions} sessions)` : "BUSY";
      this.#host.log.info(
        `service ${this.label} pid ${child.pid} in state ${state} has not yet been recycled since SIGHUP was sent (${seconds}s ago)`,
      );
      child.hungUpAt = Infinity; // once is enough
    }
  }

  /** Figures for the metrics file. */
  metrics(): ServiceMetrics {
    const members = [...this.#members];
    return {
      service: this.#entry.name,
      family: this.socket.family,
      readyWorkers: members.filter(({ ready }) => ready).length,
      forks: this.#totalForks,
      activeChildren: members.length,
      maxChildren: this.#entry.maxchild,
      forksPerSecond: this.#forkRate.perSecond(this.#host.clock.monotonic()),
      maxForksPerSecond: this.#entry.maxforkrate,
      readyFailures: this.#failures.count,
    };
  }

  #newForkRate(): ForkRate {
    return new ForkRate(this.#entry.maxforkrate || safetyForkRate, this.#host.clock.monotonic());
  }

  /** Those who serve or will: not the ones that are on their way out. */
  #active(): Member[] {
    return [...this.#members].filter((member) => member.ready || isFull(member));
  }

  #wantsAnother(): boolean {
    const { prefork, maxchild = Infinity } = this.#entry;
    const ready = [...this.#members].filter((member) => member.ready).length;
    if (this.#command.kind === "foreign") {
      if (this.#members.size >= maxchild) return false;
      return ready < prefork || (this.#pending && ready === 0);
    }
    const active = this.#active().length;
    if (active === 0) return maxchild > 0 && (prefork > 0 || this.#pending);
    return active < Math.min(prefork, this.#host.maxWorkers, maxchild);
  }

  #spawn(now: number): void {
    const { name, maxfds } = this.#entry;
    const worker = this.#command.kind === "ours";
    const share = worker ? this.#nextShare() : -1;
    this.#forkRate.forked(now);
    this.#totalForks++;
    // Node makes the open socket non-blocking for all its holders; programs that accept in the plain way need it blocking.
    if (!worker) setNonblocking(this.socket.fd, false);
    const child = new Child(
      {
        kind: "SERVICE",
        name,
        command: this.#command,
        channel: true,
        listener: this.socket.fd,
        maxfds,
        env: {
          CYRUS_SERVICE: name,
          CYRUS_ID: String(this.id),
          ...(worker && { PASARGAD_WORKER: "1", PASARGAD_MAXCHILD_SHARE: share < 0 ? "" : String(share) }),
        },
      },
      this.#host.childOptions,
    );
    const member: Member = { child, ready: true, spoke: false, sessions: 0, share };
    this.#members.add(member);
    const reader = new StatusReader();
    child.channel?.on("data", (piece: Buffer) => this.#heard(member, reader, piece));
    void child.ended.then((exit) => this.#ended(member, exit));
  }

  #heard(member: Member, reader: StatusReader, piece: Buffer): void {
    for (const { code, value } of reader.push(piece)) {
      member.spoke = true;
      if (code === statusCodes.available) {
        member.ready = member.child.hungUpAt === undefined || !isWorker(member);
        if (isWorker(member)) this.#failures.reset();
      } else if (code === statusCodes.unavailable) member.ready = false;
      else if (code === statusCodes.connection) member.ready = false;
      else if (code === statusCodes.sessions) member.sessions = value;
      else if (code !== statusCodes.connectionMulti) {
        this.#host.log.warning(
          `service ${this.label} pid ${member.child.pid} sent an unknown message ${code}, ignored`,
        );
      }
    }
    this.balance();
  }

  #ended(member: Member, exit: ChildExit): void {
    this.#members.delete(member);
    member.child.channel?.destroy();
    if (this.#state !== "open") return;
    const { log, clock } = this.#host;
    const now = clock.monotonic();
    const { pid, hungUpAt, startedAt } = member.child;
    if (exit.machineShort) {
      this.#notBefore = now + shortageRetryMs;
      return this.balance();
    }
    if (!exit.normal && hungUpAt === undefined) {
      const state = isBusy(member) ? "BUSY" : "READY";
      log[state === "READY" ? "err" : "warning"](
        `service ${this.label} pid ${pid} in ${state} state: terminated abnormally`,
      );
      if (state === "READY" && this.#failures.failed(now)) return this.#disable();
    }
    // A worker that never said that it is ready could not start, whatever it says with its exit status.
    const couldNotStart = isWorker(member) && !member.spoke && hungUpAt === undefined;
    if (!exit.normal || couldNotStart) this.#notBefore = now + this.#backoff.failed(now - startedAt);
    if (this.#entry.babysit && this.#members.size === 0) {
      log.err(`lost all children for service: ${this.label}.  Applying babysitter.`);
    }
    this.balance();
  }

  #disable(): void {
    this.#host.log.err(`too many failures for service ${this.label}, disabling until next SIGHUP`);
    this.#stopLooking();
    this.#state = "disabled";
    closeDescriptor(this.socket.fd);
  }

  /** Cyrus's maxchild caps the sessions of one socket: those of workers on their way out count as well. */
  #cap(active: readonly Member[]): number {
    const { maxchild } = this.#entry;
    if (maxchild === undefined) return -1;
    let leaving = 0;
    for (const member of this.#members) if (!active.includes(member)) leaving += member.sessions;
    return Math.max(0, maxchild - leaving);
  }

  #nextShare(): number {
    const active = this.#active();
    return shares(this.#cap(active), active.length + 1).at(-1)!;
  }

  #tellShares(): void {
    if (this.#command.kind !== "ours") return;
    const active = this.#active();
    const parts = shares(this.#cap(active), active.length);
    active.forEach((member, i) => {
      const share = parts[i]!;
      if (share === member.share) return;
      member.share = share;
      if (member.child.channel?.writable)
        member.child.channel.write(encodeStatus({ code: statusCodes.share, value: share }));
    });
  }

  /** With nobody ready and room for one more, the next connection must wake us. */
  #lookOut(): void {
    const { maxchild = Infinity } = this.#entry;
    const nobody =
      this.#command.kind === "foreign"
        ? this.#members.size < maxchild && ![...this.#members].some(({ ready }) => ready)
        : maxchild > 0 && this.#active().length === 0;
    if (!nobody || this.#pending) return this.#stopLooking();
    this.#watch ??= this.#host.watcher.watch(this.socket.fd, () => {
      this.#watch = undefined;
      this.#pending = true;
      this.balance();
    });
  }

  #stopLooking(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
  }
}

/** A worker that does not accept because it has all the sessions it may have. */
function isFull({ ready, sessions, share, child }: Member): boolean {
  return !ready && child.hungUpAt === undefined && share >= 0 && sessions >= share;
}

/** Foreign: not waiting for a connection. Worker: it has sessions. */
function isBusy(member: Member): boolean {
  return isWorker(member) ? member.sessions > 0 : !member.ready;
}

function isWorker({ child }: Member): boolean {
  return child.spec.command.kind === "ours";
}

export interface ServiceMetrics {
  readonly service: string;
  readonly family: string;
  readonly readyWorkers: number;
  readonly forks: number;
  readonly activeChildren: number;
  readonly maxChildren: number | undefined;
  readonly forksPerSecond: number;
  readonly maxForksPerSecond: number;
  readonly readyFailures: number;
}
