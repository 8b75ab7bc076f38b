/** From the words of a `cmd=` to the program to run: one of ours under any of its names, or somebody else's executable. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { basename, delimiter, dirname, extname, isAbsolute, join } from "node:path";

export type ResolvedCommand =
  /** `file` is run by Node; `program` is its cyr_ name. */
  | { readonly kind: "ours"; readonly program: string; readonly file: string; readonly args: readonly string[] }
  | { readonly kind: "foreign"; readonly path: string; readonly args: readonly string[] }
  /** A program of Cyrus's that this version does not have. */
  | { readonly kind: "absent"; readonly program: string }
  /** No such file, or it cannot be executed. */
  | { readonly kind: "missing"; readonly path: string };

/** Where programs are. */
export interface ProgramPlaces {
  /** Directory of our program files, `cyr_NAME` plus `extension`. */
  readonly directory: string;
  /** ".ts" in a checkout, ".js" or ".mjs" in an installed tree. */
  readonly extension: string;
  /** Directories for bare names that are not ours, as in PATH. */
  readonly searchPath: string;
}

/** Cyrus's own names that become cyr_NAME, with ctl_ cut off; those that start with cyr_ are listed without it. */
const plainNames = `
  arbitron arbitronsort backupd calalarmd chk_cyrus cvt_cyrusdb cvt_xlist_specialuse dav_reconstruct deliver fetchnews fud
  httpd idled imapd ipurge lmtpd lmtpproxyd masssievec master mbexamine mbpath mbtool mkimap mknewsgroups mupdate nntpd
  notifyd pop3d pop3proxyd promstatsd proxyd ptdump ptexpire ptloader quota reconstruct rehash relocate_by_id restore
  sievec sieved smmapd squatter sync_client sync_reset sync_server timsieved tls_prune translatesieve unexpunge
  ctl_backups ctl_conversationsdb ctl_cyrusdb ctl_mboxlist ctl_zoneinfo
  backup buildinfo dbtool deny df expire info ls pwd synclog userseen virusscan withlock_run stored saslpasswd2 convert
`;
const programNames: ReadonlyMap<string, string> = new Map([
  ...plainNames
    .trim()
    .split(/\s+/)
    .map((name) => [name, `cyr_${name.replace(/^ctl_/, "")}`] as const),
  // The one clash: cyr_deliver is what mail transfer agents call.
  ["ctl_deliver", "cyr_ctl_deliver"],
  ["cyr_deliverdb", "cyr_ctl_deliver"],
  ["cyrdump", "cyr_dump"],
  ["cyr_chk", "cyr_chk_cyrus"],
  ["check", "cyr_chk_cyrus"],
  // What distributions call it.
  ["cyrmaster", "cyr_master"],
  ["cyrus-master", "cyr_master"],
  ["cyrdeliver", "cyr_deliver"],
]);
const cyrNames: ReadonlySet<string> = new Set(programNames.values());

/** The cyr_ name of a program of Cyrus's or ours, by any of its names; undefined for others. */
export function programOf(name: string): string | undefined {
  return cyrNames.has(name) ? name : programNames.get(name);
}

/** @param cmd the words of `cmd=`; no shell, no quotes, no variables */
export function resolveCommand(cmd: readonly [string, ...string[]], places: ProgramPlaces): ResolvedCommand {
  const [name, ...args] = cmd;
  if (!name.includes("/")) {
    return ours(name, args, places) ?? foreign(searchFor(name, places.searchPath), args, name);
  }
  const base = basename(name);
  // Debian's front end, also where it is not installed: /usr/sbin/cyrus NAME ARGS.
  if (base === "cyrus" && args.length > 0 && !args[0]!.includes("/")) {
    const own = ours(args[0]!, args.slice(1), places);
    if (own) return own;
  }
  if (isPlaceOfCyrus(name, places)) {
    const own = ours(base, args, places);
    if (own) return own;
  }
  return foreign(isAbsolute(name) ? name : undefined, args, name);
}

/**
 * A path that means the program of that name, whatever file is there: a cyr_ name anywhere, or Cyrus's own name in one
 * of the directories that packages of it use. `/opt/site/bin/quota` is the site's.
 */
function isPlaceOfCyrus(path: string, { directory }: ProgramPlaces): boolean {
  const base = basename(path);
  if (cyrNames.has(base) || ["cyrmaster", "cyrdeliver", "cyrus-master"].includes(base)) return true;
  const dir = dirname(path);
  return dir === directory || dir.split("/").some((part) => /^cyrus($|-)/.test(part));
}

function ours(name: string, args: readonly string[], places: ProgramPlaces): ResolvedCommand | undefined {
  const known = programOf(name);
  // A program may be newer than the table above; its name must still be a plain one.
  const program = known ?? (/^[a-z0-9_]+$/.test(name) ? (name.startsWith("cyr_") ? name : `cyr_${name}`) : undefined);
  if (program === undefined) return undefined;
  const file = join(places.directory, program + places.extension);
  if (existsSync(file)) return { kind: "ours", program, file, args };
  return known === undefined ? undefined : { kind: "absent", program };
}

function foreign(path: string | undefined, args: readonly string[], name: string): ResolvedCommand {
  return path !== undefined && isExecutable(path) ? { kind: "foreign", path, args } : { kind: "missing", path: name };
}

function searchFor(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter((dir) => isAbsolute(dir))
    .map((dir) => join(dir, name))
    .find(isExecutable);
}

/** Where our programs are when this process is one of them. */
export function ownPlaces(programFile: string, env: NodeJS.ProcessEnv = process.env): ProgramPlaces {
  return {
    directory: dirname(programFile),
    extension: extname(programFile),
    searchPath: env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
  };
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // whatever the reason, it cannot be run; the caller names the path
  }
}
