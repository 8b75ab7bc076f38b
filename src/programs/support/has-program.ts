/** Which programs this installation has. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** Programs lie beside each other: sources while developing, bundles when installed, where this file is part of each bundle. */
const directories = [import.meta.dirname, resolve(import.meta.dirname, "..")];

/** @param name such as cyr_imapd */
export function hasProgram(name: string): boolean {
  return directories.some((directory) =>
    [".ts", ".mjs"].some((ending) => existsSync(join(directory, `${name}${ending}`))),
  );
}
