import { type Dir, opendirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/** Removes directories a portion at a time, of which the last one begun stays open: one that holds a million files is read through once. */
export class DirectoryRemoval {
  private current: { readonly path: string; readonly directory: Dir } | undefined;

  /**
   * Removes up to `most` entries, and the directory when it is empty. No directory is fine.
   * @returns how many entries it has removed; fewer than `most`: the directory is gone
   * @throws Error of the filesystem
   */
  remove(path: string, most: number): number {
    if (this.current?.path !== path) this.begin(path);
    for (let removed = 0; ; removed++) {
      if (removed === most) return removed;
      let entry = this.next();
      while (!entry) {
        if (!this.current || isRemoved(path)) {
          this.close();
          return removed;
        }
        // Some have come since, or were passed over.
        this.begin(path);
        entry = this.next();
      }
      try {
        // Nobody makes directories in there; whatever it is, it must not keep the rest.
        if (entry.isDirectory()) rmSync(join(path, entry.name), { recursive: true, force: true });
        else unlinkSync(join(path, entry.name));
      } catch (error) {
        this.close();
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        this.begin(path);
      }
    }
  }

  close(): void {
    this.current?.directory.closeSync();
    this.current = undefined;
  }

  private begin(path: string): void {
    this.close();
    try {
      this.current = { path, directory: opendirSync(path, { bufferSize: 256 }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  private next() {
    return this.current?.directory.readSync() ?? undefined;
  }
}

/** False: it is not empty. */
function isRemoved(path: string): boolean {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    if (code !== "ENOENT") throw error;
  }
  return true;
}
