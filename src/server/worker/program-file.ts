import { statSync } from "node:fs";

/** Notices that another version of the program was installed in the place of the one that runs. */
export class ProgramFile {
  readonly #path: string | undefined;
  readonly #running: string | undefined;
  #lastSeen: string | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
    this.#running = stampOf(path);
    this.#lastSeen = this.#running;
  }

  /**
   * To be asked now and then. True when another file is there and was there already the last time: in the middle of an
   * upgrade files are missing or half written, and who retired then would have nobody to take over.
   */
  isReplaced(): boolean {
    const now = stampOf(this.#path);
    const isSettled = now === this.#lastSeen;
    this.#lastSeen = now;
    return isSettled && now !== undefined && now !== this.#running;
  }
}

/** @returns undefined when there is no such file */
function stampOf(path: string | undefined): string | undefined {
  const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.dev}/${stat.ino}/${stat.mtimeMs}/${stat.size}`;
}
