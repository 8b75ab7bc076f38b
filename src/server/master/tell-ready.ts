/** The other end of the handshake, for long-running programs of ours: cyr_stored, and DAEMON entries with `wait=y`. */
import { Socket } from "node:net";

/**
 * Tells master, if that has started us and waits, that we are ready. `onMasterGone` is called once when master has died
 * without stopping us: whoever comes after it starts its own, so this one had better end.
 * @returns false when nobody waits: started by hand, or without `wait`
 */
export function tellReady(onMasterGone: () => void, env: NodeJS.ProcessEnv = process.env): boolean {
  const text = env["PASARGAD_READY_FD"] ?? "";
  delete env["PASARGAD_READY_FD"]; // not for programs that we start
  if (!/^[3-9]$/.test(text)) return false;
  const channel = new Socket({ fd: Number(text), readable: true, writable: true });
  channel.on("error", () => channel.destroy());
  channel.on("close", onMasterGone);
  channel.resume();
  channel.write("ok\r\n");
  channel.unref(); // it alone does not keep the program running
  return true;
}
