/** A user who works on while others misbehave. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { RunningServer } from "../support/server.ts";
import type { ImapClient } from "../support/wire-client.ts";

export interface Figures {
  readonly answered: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

export class Bystander {
  readonly #server: RunningServer;
  readonly #client: ImapClient;
  readonly #user: string;
  readonly #workers: readonly number[];

  static async join(server: RunningServer, user: string): Promise<Bystander> {
    const client = await server.login(user);
    assert.match(await client.command("SELECT INBOX"), /TAG OK/);
    return new Bystander(server, client, user);
  }

  private constructor(server: RunningServer, client: ImapClient, user: string) {
    this.#server = server;
    this.#client = client;
    this.#user = user;
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
   * Works on without pause, in a process of its own, while `others` runs: NOOP, STATUS, SEARCH.
   * @returns how many commands were answered, and waits in milliseconds
   */
  async during(others: () => Promise<unknown>): Promise<Figures> {
    const program = join(import.meta.dirname, "bystander-process.ts");
    const child = spawn(process.execPath, [program, String(this.#server.imapPort), this.#user], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    try {
      assert.equal((await lines.next()).value, "ready");
      await others();
      child.stdin.end();
      const { value, done } = await lines.next();
      assert.ok(!done, "the bystander was not served");
      return JSON.parse(value) as Figures;
    } finally {
      child.kill();
    }
  }

  end(): void {
    this.#client.end();
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
