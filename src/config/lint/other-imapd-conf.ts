/** Entries of cyrus.conf that would read another imapd.conf than the one that is looked at. */
import { resolve } from "node:path";
import type { CyrusConf } from "../cyrus-conf.ts";
import { defaultImapdConf } from "../imapd-conf.ts";
import { cyrusProgram } from "./absent-programs.ts";
import { flagOf } from "./commands.ts";
import type { Finding } from "./finding.ts";

/**
 * Master hands its own -C to nobody: a service without the flag reads /etc/imapd.conf, which may be another server's.
 * @param file the imapd.conf that is looked at
 * @returns one for each other file, at the first entry that reads it
 */
export function otherImapdConf(conf: CyrusConf, file: string): readonly Finding[] {
  const wanted = resolve(file);
  const ours = [...conf.start, ...conf.services, ...conf.events, ...conf.daemons].filter((entry) =>
    cyrusProgram(entry),
  );
  const readers = Map.groupBy(ours, ({ cmd }) => resolve(flagOf(cmd.slice(1), "C") ?? defaultImapdConf));
  readers.delete(wanted);
  return [...readers].map(([read, entries]) => {
    const { file: at, line } = entries[0]!;
    const names = entries.map(({ name }) => name).join(", ");
    return { file: at, line, text: `without -C ${wanted} in their cmd=, these read ${read}: ${names}` };
  });
}
