/** A server under test, as the workloads see it: all of them look the same from here. */
import type { Login } from "../clients/job.ts";
import type { ProcessAccount } from "../measure/process-account.ts";

export interface BenchServer {
  readonly name: ServerName;
  readonly version: string;
  /** What is special about how it runs, in one line, for the report. */
  readonly configuration: string;
  readonly imapPort: number;
  readonly lmtpPort: number;
  readonly password: string;
  /** All that it keeps on disk. */
  readonly dir: string;
  readonly account: ProcessAccount;
  /** The folder that holds a user's message files, for taking them out of the page cache. */
  mailDir(user: string): string;
  /** Resolves when nothing of what was acknowledged waits to be written any more. */
  quiesce(): Promise<void>;
  /** Ends all its processes and closes its account; what is on disk stays. */
  stop(): Promise<void>;
}

export const serverNames = ["pasargad", "cyrus", "dovecot", "dovecot-tuned"] as const;
export type ServerName = (typeof serverNames)[number];

export interface ServerKind {
  readonly name: ServerName;
  /** Why it cannot run here; undefined when it can. May fetch it first. */
  missing(): string | undefined;
  /** Changes when what it keeps on disk may have changed its form; part of the name of a filled spool. */
  formatKey(): string;
  /** Starts it on what `dir` holds, or on nothing. */
  start(dir: string): Promise<BenchServer>;
  /** Makes mailboxes for users who have none, where the server does not do so by itself. */
  createUsers(server: BenchServer, users: readonly string[]): Promise<void>;
}

export const loginOf = (server: BenchServer, user: string): Login => ({ user, password: server.password });
