/** The load process: opens the job it is sent, then runs its phases as it is told. Ends with its parent. */
import type { FromLoad, Job, OpenJob, ToLoad } from "./job.ts";
import { openAppend } from "./jobs/append.ts";
import { openBeside } from "./jobs/beside.ts";
import { openCommands } from "./jobs/commands.ts";
import { openDeliver } from "./jobs/deliver.ts";
import { openFill } from "./jobs/fill.ts";
import { openIdle } from "./jobs/idle.ts";
import { openLogin } from "./jobs/login.ts";

function open(job: Job): Promise<OpenJob> {
  switch (job.kind) {
    case "deliver":
      return openDeliver(job);
    case "append":
      return openAppend(job);
    case "login":
      return openLogin(job);
    case "commands":
      return openCommands(job);
    case "idle":
      return openIdle(job);
    case "beside":
      return openBeside(job);
    case "fill":
      return openFill(job);
  }
}

const answer = (message: FromLoad): void => {
  process.send?.(message);
};
let opened: OpenJob | undefined;

async function handle(message: ToLoad): Promise<void> {
  if (message.say === "open") {
    opened = await open(message.job);
    answer({ say: "ready" });
    return;
  }
  if (!opened) throw new Error("no job is open");
  answer({ say: "done", result: await opened.run(message.phase, message.limit) });
}

process.on("message", (message: ToLoad) => {
  handle(message).catch((error: unknown) => {
    answer({ say: "failed", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});
process.on("disconnect", () => process.exit(0));
