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
  /** Its processes obey `collectGarbage`. */
  readonly collectable: boolean;
  /** Where a user's mail lies, for taking it out of the page cache; `index` when what is known of it lies elsewhere. */
  coldPaths(user: string): { readonly messages: string; readonly index?: string };
  /** Resolves when nothing of what was acknowledged waits to be written any more. */
  quiesce(): Promise<void>;
  /** Ends all its processes and closes its account; what is on disk stays. */
  stop(): Promise<void>;
}

export const serverNames = ["pasargad", "cyrus", "dovecot", "dovecot-tuned", "dovecot-durable"] as const;
export type ServerName = (typeof serverNames)[number];

export interface StartOptions {
  /** Its processes collect garbage when told to, where they have a collector. */
  readonly collectable?: boolean;
}

export interface ServerKind {
  readonly name: ServerName;
  /** Runs only when asked for by name. */
  readonly optional?: boolean;
  /** Only work that writes tells something new of it. */
  readonly writesOnly?: boolean;
  /** Why it cannot run here; undefined when it can. May fetch it first. */
  missing(): string | undefined;
  /** Changes when what it keeps on disk may have changed its form; part of the name of a filled spool. */
  formatKey(): string;
  /** Starts it on what `dir` holds, or on nothing. */
  start(dir: string, options?: StartOptions): Promise<BenchServer>;
  /** Makes mailboxes for users who have none, where the server does not do so by itself. */
  createUsers(server: BenchServer, users: readonly string[]): Promise<void>;
}

export const loginOf = (server: BenchServer, user: string): Login => ({ user, password: server.password });
