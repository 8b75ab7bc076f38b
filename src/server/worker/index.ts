export type {
  PreparedService,
  ProtocolLogin,
  ServiceProgram,
  StartedWorker,
  StartOptions,
  WorkerContext,
} from "./run-worker.ts";
export { runWorker, startWorker } from "./run-worker.ts";
export { parseServiceOptions, type ServiceOptions, UsageError } from "./service-options.ts";
export { StatusChannel, statusCodes } from "./status-channel.ts";
export { TimerNode, TimerWheel } from "./timer-wheel.ts";
export { Worker, type WorkerOptions } from "./worker.ts";
