/** Entries of cyrus.conf whose program is not there. */
import type { HasProgram } from "../build-info.ts";
import type { CyrusConf, Entry } from "../cyrus-conf.ts";
import { programOf } from "./commands.ts";
import type { Finding } from "./finding.ts";

/** Cyrus's programs that entries start, without `cyr_` and `ctl_`. */
const known: ReadonlySet<string> = new Set(
  `arbitron backupd backups calalarmd chk_cyrus conversationsdb cvt_cyrusdb cvt_xlist_specialuse cyrusdb dav_reconstruct deliver
   expire fetchnews fud httpd idled imapd ipurge lmtpd lmtpproxyd masssievec mboxlist mupdate nntpd notifyd pop3d pop3proxyd
   promstatsd proxyd ptexpire ptloader quota reconstruct relocate_by_id restore smmapd squatter sync_client sync_reset
   sync_server synclog timsieved tls_prune unexpunge userseen virusscan zoneinfo`.split(/\s+/),
);

/** What an installation can start. */
export interface Installed {
  /** Whether it has this program of its own, such as cyr_imapd. */
  readonly has: HasProgram;
  /** Whether this first word of a `cmd=`, a path or a bare name, is an executable of somebody else's. */
  readonly canRun: (command: string) => boolean;
}

export function absentPrograms(conf: CyrusConf, { has, canRun }: Installed): readonly Finding[] {
  return [...conf.start, ...conf.services, ...conf.events, ...conf.daemons].flatMap((entry) => {
    const program = cyrusProgram(entry);
    if (program === undefined) {
      const [command] = entry.cmd;
      if (has(command) || has(`cyr_${command}`) || canRun(command)) return [];
      const effect = entry.section === "EVENTS" ? "the event will not run" : "the server will not start";
      return [
        { file: entry.file, line: entry.line, text: `${entry.name}: cannot find executable ${command}; ${effect}` },
      ];
    }
    if (has(`cyr_${program}`)) return [];
    const effect = "listen" in entry ? "the service is disabled" : "the entry is passed over";
    return [
      { file: entry.file, line: entry.line, text: `${entry.name}: ${program} is not part of this version; ${effect}` },
    ];
  });
}

/** The program without `cyr_` and `ctl_`; undefined: somebody else's, such as /opt/site/bin/quota. */
export function cyrusProgram({ cmd }: Entry): string | undefined {
  const directories = cmd[0].split("/").slice(0, -1);
  const { program } = programOf(cmd);
  const isFrontEnd = cmd[0].endsWith("/cyrus");
  const isCyrus =
    directories.length === 0 ||
    isFrontEnd ||
    directories.some((name) => /^cyrus(?:$|-)/.test(name)) ||
    /\/cyr_[^/]+$/.test(cmd[0]);
  // What ctl_deliver does is cyr_ctl_deliver's here, and cyr_deliver is what MTAs call.
  const isList = /(?:^|\/)ctl_deliver$/.test(cmd[0]) || (isFrontEnd && cmd[1] === "ctl_deliver");
  return isCyrus && known.has(program) ? (isList ? "ctl_deliver" : program) : undefined;
}
