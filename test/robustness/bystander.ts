/** A user who works on while others misbehave. */
import assert from "node:assert/strict";
import type { RunningServer } from "../support/server.ts";
import type { ImapClient } from "../support/wire-client.ts";

export class Bystander {
  readonly #server: RunningServer;
  readonly #client: ImapClient;
  readonly #workers: readonly number[];

  static async join(server: RunningServer, user: string): Promise<Bystander> {
    const client = await server.login(user);
    assert.match(await client.command("SELECT INBOX"), /TAG OK/);
    return new Bystander(server, client);
  }

  private constructor(server: RunningServer, client: ImapClient) {
    this.#server = server;
    this.#client = client;
    this.#workers = server.pids("cyr_imapd");
  }

  /** The session is still there and answered; a new one can be had; no worker has ended; no fault was logged. */
  async isWell(): Promise<void> {
    assert.match(await this.#client.command("NOOP"), /TAG OK/);
    const newcomer = await this.#server.login("bob");
    assert.match(await newcomer.command("LOGOUT"), /TAG OK/);
    newcomer.end();
    const now = new Set(this.#server.pids("cyr_imapd"));
    for (const pid of this.#workers) assert.ok(now.has(pid), `worker ${pid} has ended`);
    assert.deepEqual(this.#server.faults(), []);
  }

  /**
   * Works on without pause while `others` runs: NOOP, FETCH, STORE, now and then APPEND.
   * @returns how many commands were answered, and the longest wait in milliseconds
   */
  async during(others: Promise<unknown>): Promise<{ readonly answered: number; readonly longestMs: number }> {
    const state = { isRunning: true };
    const done = others.finally(() => (state.isRunning = false));
    let answered = 0;
    let longestMs = 0;
    while (state.isRunning) {
      const began = performance.now();
      const command = answered % 3 === 0 ? "NOOP" : answered % 3 === 1 ? "STATUS INBOX (MESSAGES)" : "SEARCH UNSEEN";
      assert.match(await this.#client.command(command), /TAG OK/);
      longestMs = Math.max(longestMs, performance.now() - began);
      answered++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await done;
    return { answered, longestMs: Math.round(longestMs) };
  }

  end(): void {
    this.#client.end();
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
