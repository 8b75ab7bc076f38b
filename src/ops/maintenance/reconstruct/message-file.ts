/** One message file, as cyr_reconstruct finds it. */
import { readFileSync, statSync } from "node:fs";
import { type MessageArgs, takeIn } from "../../messages/incoming.ts";

export interface FoundMessage {
  readonly args: MessageArgs;
  /** Its cache record, made anew. */
  readonly cache: Uint8Array;
}

/** Octets in the file; undefined: no such file. */
export function sizeOfFile(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : undefined;
}

/**
 * Reads and parses a message. Its internaldate is when the file was last changed: nothing better is known of it.
 * @returns undefined when there is no such file, or it is empty
 */
export function readMessageFile(path: string): FoundMessage | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size === 0) return undefined;
  let octets: Buffer;
  try {
    octets = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const seconds = Math.floor(found.mtimeMs / 1000);
  const { args, attachments } = takeIn(octets, { seconds, nanos: 0 });
  return { args, cache: attachments[0]! };
}
