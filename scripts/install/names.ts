/** Which programs go where in an installed tree, and the names Cyrus gives them. */

/** Started by cyr_master or an MTA: libexec. All others are for administrators: sbin. */
const daemons: ReadonlySet<string> = new Set(
  `backupd calalarmd deliver fud httpd idled imapd lmtpd lmtpproxyd mupdate nntpd notifyd pop3d pop3proxyd promstatsd proxyd ptloader smmapd
   stored sync_client sync_server timsieved`
    .split(/\s+/)
    .map((name) => `cyr_${name}`),
);
/** Also for people without special rights: bin. */
const forAll: ReadonlySet<string> = new Set(["cyr_info", "cyr_buildinfo"]);
const ctl: ReadonlySet<string> = new Set(["backups", "conversationsdb", "cyrusdb", "mboxlist", "zoneinfo"]);
/** Named cyr_ by Cyrus, too; ours alone; or, for saslpasswd2, somebody else's. */
const withoutOldName: ReadonlySet<string> = new Set(
  "backup buildinfo convert dbtool deny df dump expire info ls pwd saslpasswd2 stored synclog userseen virusscan".split(
    " ",
  ),
);

export type Place = "libexec" | "sbin" | "bin";

export function placesOf(program: string): readonly Place[] {
  if (daemons.has(program)) return ["libexec"];
  return forAll.has(program) ? ["sbin", "bin"] : ["sbin"];
}

/** Cyrus's own name of `cyr_NAME`; undefined when it is the same or there is none. */
export function legacyName(program: string): string | undefined {
  const name = program.slice("cyr_".length);
  if (name === "ctl_deliver") return name;
  if (withoutOldName.has(name)) return undefined;
  return ctl.has(name) ? `ctl_${name}` : name;
}
