/** Master gives up being root before it starts anything: what it starts can then be nothing but the Cyrus user. */
import type { Log } from "../../base/log.ts";
import {
  becomeUser,
  findGroup,
  findUser,
  keepOnlyBindCapability,
  mayBindLowPorts,
  NativeError,
} from "../../base/native/index.ts";
import type { Identity } from "../../config/index.ts";
import { FatalError } from "./fatal.ts";
import { makeSocketDirectories } from "./socket-directory.ts";

/**
 * As root: becomes the Cyrus user with its groups, and keeps only the right to bind ports below 1024 (also after SIGHUP).
 * Not root, or no such user on this machine: stays, after giving up all capabilities but that one; children get none.
 * @param sockets paths of Unix sockets whose directories root makes for that user first, where they are missing
 * @throws FatalError 64 when the change fails half-way
 */
export function giveUpRoot({ user, group }: Identity, sockets: readonly string[], log: Log): void {
  if (process.getuid!() === 0) {
    const entry = findUser(user);
    if (!entry) {
      log.warning(`there is no user ${user} on this machine; everything runs as root`);
      return;
    }
    if (entry.uid === 0) return;
    const gid = group === undefined ? entry.gid : findGroup(group)?.gid;
    if (gid === undefined) throw new FatalError(`there is no group ${group} (cyrus_group, CYRUS_GROUP)`, 64);
    makeSocketDirectories(sockets, { uid: entry.uid, gid }, log);
    try {
      becomeUser(entry, gid, { keepBind: true });
    } catch (error) {
      throw new FatalError(`must run as the Cyrus user: ${error instanceof Error ? error.message : error}`, 64);
    }
    return;
  }
  try {
    if (mayBindLowPorts()) keepOnlyBindCapability(); // from systemd's AmbientCapabilities: for master, not for children
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    log.warning(`cannot reduce capabilities: ${error.message}`);
  }
}
