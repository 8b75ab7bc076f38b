/** What the benchmark tells a load process to do, and what it answers. Plain data: it crosses a process boundary. */
import type { Latency } from "../measure/statistics.ts";
import type { SizeMix } from "./messages.ts";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A phase ends at whichever comes first, but not before one operation. */
export interface Limit {
  readonly seconds: number;
  readonly operations: number;
}

/** A step of a `commands` job: its commands run one after the other; the step's time is its latency. */
export interface Phase {
  readonly commands: readonly string[];
  /** Operations that one step counts for, e.g. messages fetched. */
  readonly operations: number;
  /** `{r}` in a command becomes a random number from 1 to this; `{s}` is the one drawn before. */
  readonly range?: number;
}

export type Job =
  /** LMTP deliveries in a closed loop; one operation is one message accepted for one recipient. */
  | {
      readonly kind: "deliver";
      readonly port: number;
      readonly connections: number;
      readonly recipients: readonly string[];
      /** Recipients of each message. */
      readonly perMessage: number;
      readonly mix: SizeMix;
    }
  /** APPENDs to INBOX in a closed loop; connection i is logged in as login i modulo their number. */
  | {
      readonly kind: "append";
      readonly port: number;
      readonly connections: number;
      readonly logins: readonly Login[];
      readonly mix: SizeMix;
    }
  /** Connect, LOGIN, the commands, LOGOUT, in a closed loop; latency is that of the commands alone. */
  | {
      readonly kind: "login";
      readonly port: number;
      readonly connections: number;
      readonly logins: readonly Login[];
      readonly commands: readonly string[];
    }
  /** One session that runs the phases as it is told. */
  | {
      readonly kind: "commands";
      readonly port: number;
      readonly login: Login;
      readonly setup: readonly string[];
      readonly phases: { readonly [name: string]: Phase };
    }
  /**
   * Phase "connect": many sessions in IDLE, session i logged in as login i modulo their number. Phase "together": one
   * message to all users at a time, until every session has heard of it. Phase "each": one message to each user, at a
   * steady pace. Latency is from the final dot to EXISTS, of each session.
   */
  | {
      readonly kind: "idle";
      readonly imapPort: number;
      readonly lmtpPort: number;
      readonly logins: readonly Login[];
      readonly connections: number;
      /** Between the beginnings of two deliveries in phase "each", milliseconds. */
      readonly everyMs: number;
    }
  /** One session runs a heavy command while others send NOOP at a steady pace; latency is that of the NOOPs. */
  | {
      readonly kind: "beside";
      readonly port: number;
      readonly heavy: Login;
      readonly heavySetup: readonly string[];
      readonly commands: readonly string[];
      readonly others: readonly Login[];
      readonly everyMs: number;
    }
  /** Phase "create": mailboxes. Phase "fill": messages into each of them. As fast as the server takes it. */
  | {
      readonly kind: "fill";
      readonly port: number;
      readonly login: Login;
      readonly mailboxes: readonly string[];
      readonly messages: number;
      readonly seed: number;
    };

export interface JobResult {
  readonly operations: number;
  /** Operations done when half of the limit's seconds were over. */
  readonly operationsHalfway?: number;
  readonly wallMs: number;
  /** Milliseconds for each step. */
  readonly latency: Latency;
  /** Octets received. */
  readonly octets: number;
  /** Untagged replies of the first step, by kind. */
  readonly replies: { readonly [kind: string]: number };
  readonly failures: number;
  readonly firstFailure?: string;
  /** Figures that only this kind of job has. */
  readonly extra?: { readonly [name: string]: number };
}

export type ToLoad =
  | { readonly say: "open"; readonly job: Job }
  | { readonly say: "run"; readonly phase: string; readonly limit: Limit };
export type FromLoad =
  | { readonly say: "ready" }
  | { readonly say: "done"; readonly result: JobResult }
  | { readonly say: "failed"; readonly reason: string };

/** An opened job, in the load process. */
export interface OpenJob {
  run(phase: string, limit: Limit): Promise<JobResult>;
}
