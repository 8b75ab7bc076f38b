/**
 * Gives back what logins leave behind. A session that has just logged in and gone into IDLE has made several times its own
 * size in garbage; V8 keeps that until something else needs the room, which in a worker full of idle sessions is never.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { trimMemory } from "../../base/native/index.ts";

/** How often it is looked at, milliseconds. */
const CHECK_MILLISECONDS = 2_000;
/** New sessions after which a collection pays. */
const ENOUGH_SESSIONS = 100;
/** Share of the time between two checks that the process may have worked, to count as quiet. */
const QUIET_SHARE = 0.05;

/** What the first collection moves out of the young generation, the second can free. */
const PASSES = 2;

type Collect = (options: { type: "major"; execution: "async" }) => Promise<void>;

export class IdleMemory {
  readonly #sessions: () => number;
  readonly #timer: NodeJS.Timeout;
  #collected = 0;
  #due = 0;
  #cpu = process.cpuUsage();

  /** @param sessions number of open sessions now */
  constructor(sessions: () => number) {
    this.#sessions = sessions;
    this.#timer = setInterval(() => this.#check(), CHECK_MILLISECONDS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#cpu = process.cpuUsage();
    const sessions = this.#sessions();
    this.#collected = Math.min(this.#collected, sessions);
    if (sessions - this.#collected >= ENOUGH_SESSIONS) this.#due = PASSES;
    if (this.#due === 0 || (user + system) / 1_000 > CHECK_MILLISECONDS * QUIET_SHARE) return;
    this.#collected = sessions;
    this.#due--;
    void giveBack();
  }
}

/** The garbage first, then the pages that held it: each small read of a socket leaves one behind. */
async function giveBack(): Promise<void> {
  await collect()({ type: "major", execution: "async" });
  await trimMemory();
}

let collector: Collect | undefined;

/** V8's own collection, without exposing it to the rest of the program. */
function collect(): Collect {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc");
    collector = runInNewContext("gc") as Collect;
    setFlagsFromString("--no-expose-gc");
  }
  return collector;
}
