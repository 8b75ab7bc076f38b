/** The parent's side of a load process. */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { FromLoad, Job, JobResult, Limit, ToLoad } from "./job.ts";

export class LoadProcess {
  readonly #child: ChildProcess;
  #waiting: { done: (message: FromLoad) => void; fail: (error: Error) => void } | undefined;

  private constructor() {
    this.#child = fork(join(import.meta.dirname, "load.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child.on("message", (message: FromLoad) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (message.say === "failed") waiting?.fail(new Error(message.reason));
      else waiting?.done(message);
    });
    this.#child.on("exit", (code) => this.#waiting?.fail(new Error(`load process ended with ${code}`)));
  }

  /** Starts the process; its connections are open and logged in when this resolves. */
  static async start(job: Job): Promise<LoadProcess> {
    const load = new LoadProcess();
    try {
      await load.#ask({ say: "open", job });
    } catch (error) {
      load.close();
      throw error;
    }
    return load;
  }

  /** Runs one phase to its limit. */
  async run(phase: string, limit: Limit): Promise<JobResult> {
    const message = await this.#ask({ say: "run", phase, limit });
    if (message.say !== "done") throw new Error(`unexpected ${message.say}`);
    return message.result;
  }

  /** Ends the process and with it its connections. */
  close(): void {
    this.#waiting = undefined;
    this.#child.removeAllListeners("exit");
    this.#child.kill("SIGKILL");
  }

  #ask(message: ToLoad): Promise<FromLoad> {
    return new Promise((done, fail) => {
      this.#waiting = { done, fail };
      this.#child.send(message);
    });
  }
}
