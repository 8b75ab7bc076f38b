/** Waiting for servers to come and go. */
import type { ChildProcess } from "node:child_process";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessAccount } from "../measure/process-account.ts";

const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;

/** Ports on 127.0.0.1 that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((done, fail) => {
      server.on("error", fail);
      server.listen(0, "127.0.0.1", done);
    });
    const address = server.address();
    if (typeof address === "object" && address) ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** @throws when the first process ends, or nothing greets within half a minute */
export async function untilGreets(port: number, greeting: string, master: ChildProcess): Promise<void> {
  const until = Date.now() + startTimeoutMs;
  while (Date.now() < until) {
    if (master.exitCode !== null || master.signalCode !== null) throw new Error("the master ended");
    if (await greets(port, greeting)) return;
    await sleep(50);
  }
  throw new Error(`no "${greeting}" on port ${port} after ${startTimeoutMs} ms`);
}

function greets(port: number, greeting: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(5_000, () => socket.destroy());
    socket.once("data", (data) => {
      done(data.toString("latin1").startsWith(greeting));
      socket.destroy();
    });
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
  });
}

/** SIGTERM for the first process, SIGKILL for whatever of the account is left after a while. */
export async function endAll(master: ChildProcess, account: ProcessAccount): Promise<void> {
  master.kill("SIGTERM");
  const until = Date.now() + stopTimeoutMs;
  while (account.pids().length > 0 && Date.now() < until) await sleep(20);
  for (const pid of account.pids()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  await sleep(50);
}
