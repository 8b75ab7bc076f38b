import { type ListedProc, listProcsLater } from "../proc/proc-files.ts";
import type { Worker } from "./worker.ts";

export type LoggedInSession = Pick<ListedProc, "service" | "userid" | "clientHost">;

/**
 * Sessions of this host that are logged in: this process's own as they are now, others' from their process files (written
 * at once at login).
 */
export async function hostSessions(worker: Worker, service: string, procDirectory: string): Promise<LoggedInSession[]> {
  const others = (await listProcsLater(procDirectory)).filter(({ pid }) => pid !== process.pid);
  const sessions: LoggedInSession[] = others;
  for (const { userid, peer, open } of worker.connections) {
    if (open && userid !== "") sessions.push({ service, userid, clientHost: peer });
  }
  return sessions;
}
