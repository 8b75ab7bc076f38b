/** Which programs this installation has. */
import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { isExecutable } from "../../server/master/commands.ts";

/** Programs lie beside each other: sources while developing, bundles when installed, where this file is part of each bundle. */
const directories = [import.meta.dirname, resolve(import.meta.dirname, "..")];

/** @param name such as cyr_imapd */
export function hasProgram(name: string): boolean {
  return directories.some((directory) =>
    [".ts", ".mjs"].some((ending) => existsSync(join(directory, `${name}${ending}`))),
  );
}

/** @param command a path, or a name that is looked for in PATH, as master does */
export function canRun(command: string): boolean {
  if (command.includes("/")) return isAbsolute(command) && isExecutable(command);
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => isAbsolute(directory));
  return directories.some((directory) => isExecutable(join(directory, command)));
}
