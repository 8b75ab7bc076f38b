/** Which options the sources read. For the test of states.ts, and for the script that brings it up to date. */
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Options that code outside reads through a function or property of src/config/, which it names. */
const readThrough: ReadonlyMap<string, RegExp> = new Map([
  ["archive_enabled", /\.archivePath\b/],
  ["cyrus_group", /\beffectiveIdentity\(/],
  ["cyrus_user", /\beffectiveIdentity\(/],
  ["syslog_prefix", /\beffectiveSyslogPrefix\(/],
  ["umask", /\bumaskOf\(/],
]);

/**
 * Names that a source reads from a configuration: `config.NAME`, `this.#config.NAME`, `config.channel(x).NAME`,
 * `channel.NAME`, `const { NAME } = config`, a parameter `{ NAME }: Config`.
 */
export function namesRead(source: string): ReadonlySet<string> {
  const names = new Set<string>();
  const access = /(?<=(?:[cC]onfig|\b[cC]hannel)(?:\([^()]*\))?[?!]?\.\s*)[a-z][a-z0-9_]*\b/g;
  for (const [name] of source.matchAll(access)) names.add(name);
  const destructuring = /\{([^{}]*)\}\s*(?:=\s*[\w.#]*[cC]onfig\b(?!\.|\()|:\s*(?:Config\b|Pick<Config))/g;
  for (const [, list] of source.matchAll(destructuring)) {
    for (const [name] of list!.matchAll(/[a-z][a-z0-9_]*/g)) names.add(name);
  }
  for (const [name, pattern] of readThrough) if (pattern.test(source)) names.add(name);
  return names;
}

/** Every name read outside src/config/ and outside tests, with the first file that does. */
export function namesReadInSources(): ReadonlyMap<string, string> {
  const src = resolve(import.meta.dirname, "../..");
  const first = new Map<string, string>();
  for (const file of globSync("**/*.ts", { cwd: src }).sort()) {
    if (file.startsWith("config/") || /\.(?:test|fuzz)\.ts$/.test(file)) continue;
    for (const name of namesRead(readFileSync(resolve(src, file), "utf8"))) {
      if (!first.has(name)) first.set(name, file);
    }
  }
  return first;
}
