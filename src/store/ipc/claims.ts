/**
 * Named locks for what takes longer than a verb: a POP3 maildrop, a user's move to another server, a replication. A claim is bound to the connection that
 * made it and ends with it. Claims are shown as files, `DIRECTORY/NAME.lock` with holder and waiters in it, for people who look there.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../base/log.ts";

/** Longest name of a claim, in characters. */
export const MAX_CLAIM_NAME = 1_024;
/** Claims one connection may hold or wait for: more than there are sessions in a worker. */
export const MAX_CLAIMS = 10_000;

export type ClaimAnswer =
  | { readonly granted: true }
  /** Time ran out: who has it, in words for a log line or an administrator. */
  | { readonly granted: false; readonly holder: string };

interface Waiter {
  readonly owner: object;
  readonly who: string;
  readonly answer: (answer: ClaimAnswer) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

interface Held {
  owner: object;
  who: string;
  readonly waiters: Waiter[];
}

export class Claims {
  private readonly held = new Map<string, Held>();
  /** Claims held and waited for by each owner that has any. */
  private readonly counts = new Map<object, number>();
  private readonly directory: string | undefined;
  private readonly log: Log;

  /** @param directory where claims are shown as files; undefined: nowhere */
  constructor(directory: string | undefined, log: Log) {
    this.directory = directory;
    this.log = log;
  }

  /**
   * Answers at once when nobody holds `name`, else when it is this claim's turn, or with the holder after `timeoutMs`. First come, first served. An owner
   * that holds it already is refused like anybody else, and so is one that has MAX_CLAIMS.
   */
  claim(owner: object, name: string, who: string, timeoutMs: number, answer: (answer: ClaimAnswer) => void): void {
    if ((this.counts.get(owner) ?? 0) >= MAX_CLAIMS) {
      answer({ granted: false, holder: `nobody: ${who} has ${MAX_CLAIMS} claims already` });
      return;
    }
    const held = this.held.get(name);
    if (!held) {
      this.count(owner, 1);
      this.held.set(name, { owner, who, waiters: [] });
      this.show(name);
      answer({ granted: true });
      return;
    }
    if (timeoutMs <= 0) {
      answer({ granted: false, holder: held.who });
      return;
    }
    const timer = setTimeout(() => {
      const at = held.waiters.findIndex((waiter) => waiter.timer === timer);
      if (at < 0) return;
      held.waiters.splice(at, 1);
      this.count(owner, -1);
      this.show(name);
      answer({ granted: false, holder: held.who });
    }, timeoutMs);
    this.count(owner, 1);
    held.waiters.push({ owner, who, answer, timer });
    this.show(name);
  }

  /** Ends a claim of `owner`, held or waited for. Does nothing when it has none of that name. */
  release(owner: object, name: string): void {
    const held = this.held.get(name);
    if (!held) return;
    if (held.owner === owner) {
      this.pass(name, held);
      return;
    }
    const at = held.waiters.findIndex((waiter) => waiter.owner === owner);
    if (at < 0) return;
    clearTimeout(held.waiters[at]!.timer);
    held.waiters.splice(at, 1);
    this.count(owner, -1);
    this.show(name);
  }

  /** The owner's connection has ended. */
  releaseAll(owner: object): void {
    for (const [name, held] of this.held) {
      for (const waiter of held.waiters) if (waiter.owner === owner) clearTimeout(waiter.timer);
      const staying = held.waiters.filter((waiter) => waiter.owner !== owner);
      const changed = staying.length !== held.waiters.length;
      this.count(owner, staying.length - held.waiters.length);
      held.waiters.splice(0, held.waiters.length, ...staying);
      if (held.owner === owner) this.pass(name, held);
      else if (changed) this.show(name);
    }
  }

  /** Holder and waiters by name. */
  list(): { readonly name: string; readonly holder: string; readonly waiters: readonly string[] }[] {
    return [...this.held].map(([name, { who, waiters }]) => ({
      name,
      holder: who,
      waiters: waiters.map((w) => w.who),
    }));
  }

  private count(owner: object, change: number): void {
    const count = (this.counts.get(owner) ?? 0) + change;
    if (count > 0) this.counts.set(owner, count);
    else this.counts.delete(owner);
  }

  private pass(name: string, held: Held): void {
    this.count(held.owner, -1);
    const next = held.waiters.shift();
    if (!next) this.held.delete(name);
    else {
      clearTimeout(next.timer);
      held.owner = next.owner;
      held.who = next.who;
    }
    this.show(name);
    next?.answer({ granted: true });
  }

  private show(name: string): void {
    if (this.directory === undefined) return;
    const path = join(this.directory, `${fileNameOf(name)}.lock`);
    const held = this.held.get(name);
    try {
      if (!held) {
        rmSync(path, { force: true });
        return;
      }
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      const lines = [`held by ${held.who}`, ...held.waiters.map(({ who }) => `waiting: ${who}`)];
      writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
    } catch (error) {
      // The files are for looking at; the claim itself does not depend on them.
      this.log.warning("a lock cannot be shown as a file", { path, error: String(error) });
    }
  }
}

/** Letters, digits and a few marks as they are, everything else as %XX, cut to what a file name may have. */
function fileNameOf(name: string): string {
  const octets = Buffer.from(name, "utf8");
  let text = "";
  for (const octet of octets) {
    const letter = String.fromCharCode(octet);
    text +=
      /[A-Za-z0-9*@_^+-]/.test(letter) || (letter === "." && text !== "")
        ? letter
        : `%${octet.toString(16).padStart(2, "0")}`;
  }
  return text.slice(0, 240);
}
