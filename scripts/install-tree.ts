/**
 * npm run install-tree -- PREFIX [--legacy-names]: lays out a tree that needs neither this checkout nor any Node of the machine.
 *
 *   PREFIX/bin, sbin                     links to the launcher, one for each program
 *   PREFIX/libexec/pasargad/             launcher, Node, the programs as bundles, links for daemons, koffi; compile-cache/
 *   PREFIX/share/doc/pasargad/           README, licence, options; examples/, packaging/
 *   PREFIX/share/man/man8/
 *
 * With --legacy-names the programs can also be called by the names Cyrus has for them: master, imapd, ctl_cyrusdb, quota.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { bundlePrograms } from "./install/bundle.ts";
import { launcher } from "./install/launcher.ts";
import { legacyName, type Place, placesOf } from "./install/names.ts";
import { warmArguments } from "./install/warm.ts";

const root = resolve(import.meta.dirname, "..");
/** Of one program that is started so that its compiled form can be kept. */
const WARM_MILLISECONDS = 10_000;
const LAUNCHER = "launch";

function usage(): never {
  console.error("usage: npm run install-tree -- PREFIX [--legacy-names]");
  process.exit(64);
}

/** Program names to source files. */
function programs(): Map<string, string> {
  const files = globSync("src/programs/cyr_*.ts", { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
  return new Map(files.sort().map((file) => [basename(file, ".ts"), join(root, file)]));
}

function copyNode(directory: string): void {
  const target = join(directory, "node");
  copyFileSync(realpathSync(process.execPath), target, constants.COPYFILE_FICLONE);
  chmodSync(target, 0o755);
}

/** The package and its native part, without sources and manuals. */
function copyKoffi(directory: string): void {
  const modules = join(root, "node_modules");
  const isNeeded = (path: string): boolean =>
    !/^koffi\/(vendor|doc|CHANGELOG|cnoke)|\.(cc|hh|h|inc|asm|S|txt|md)$/.test(relative(modules, path)) ||
    /LICENSE/.test(path);
  const natives = readdirSync(join(modules, "@koromix")).filter((name) => name.startsWith("koffi-"));
  for (const name of ["koffi", ...natives.map((native) => `@koromix/${native}`)]) {
    cpSync(join(modules, name), join(directory, "node_modules", name), { recursive: true, filter: isNeeded });
  }
}

function link(directory: string, name: string, target: string): void {
  const path = join(directory, name);
  // A program that is being called meanwhile is always there.
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  symlinkSync(relative(directory, target), fresh);
  renameSync(fresh, path);
}

function copyDocuments(prefix: string): void {
  const documents = join(prefix, "share/doc/pasargad");
  mkdirSync(documents, { recursive: true });
  for (const file of ["README.md", "LICENSE", "doc/options.md"]) {
    if (existsSync(join(root, file))) copyFileSync(join(root, file), join(documents, basename(file)));
  }
  for (const [from, to] of [
    ["doc/examples", "examples"],
    ["packaging", "packaging"],
  ] as const) {
    if (existsSync(join(root, from))) cpSync(join(root, from), join(documents, to), { recursive: true });
  }
  for (const page of globSync("doc/man/*.[1-9]", { cwd: root })) {
    const directory = join(prefix, "share/man", `man${page.at(-1)}`);
    mkdirSync(directory, { recursive: true });
    copyFileSync(join(root, page), join(directory, basename(page)));
  }
}

/** Starts each program once, for nothing: what Node compiles then is read back at each later start. */
function warm(directory: string, names: Iterable<string>): void {
  const cache = join(directory, "compile-cache");
  mkdirSync(cache, { recursive: true, mode: 0o755 });
  for (const name of names) {
    const args = ["--disable-warning=ExperimentalWarning", join(directory, `${name}.mjs`), ...warmArguments(name)];
    const { error } = spawnSync(join(directory, "node"), args, {
      cwd: "/",
      stdio: "ignore",
      timeout: WARM_MILLISECONDS,
      env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: cache, PASARGAD_LOG: "file:/dev/null" },
    });
    if (error) console.error(`${name}: ${error.message}`);
  }
  linkCacheFor(cache, "cyrus");
}

/** Node keeps a cache for each user, by a number at the end of its name; the Cyrus user may read ours. */
function linkCacheFor(cache: string, user: string): void {
  const own = readdirSync(cache).find((name) => name.endsWith(`-${process.getuid!()}`));
  const { status, stdout } = spawnSync("id", ["-u", user], { encoding: "utf8" });
  const uid = stdout?.trim();
  if (own === undefined || status !== 0 || !/^\d+$/.test(uid) || uid === String(process.getuid!())) return;
  const target = own.replace(/-\d+$/, `-${uid}`);
  if (!existsSync(join(cache, target))) symlinkSync(own, join(cache, target));
}

async function install(prefix: string, withLegacyNames: boolean): Promise<void> {
  const libexec = join(prefix, "libexec/pasargad");
  const fresh = `${libexec}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const all = programs();
  await bundlePrograms(all, fresh);
  copyNode(fresh);
  copyKoffi(fresh);
  writeFileSync(join(fresh, LAUNCHER), launcher, { mode: 0o755 });
  chmodSync(join(fresh, LAUNCHER), 0o755);
  const places: Record<Place, string> = { libexec: fresh, sbin: join(prefix, "sbin"), bin: join(prefix, "bin") };
  for (const directory of Object.values(places)) mkdirSync(directory, { recursive: true });
  const target = (place: Place): string => join(place === "libexec" ? fresh : libexec, LAUNCHER);
  for (const name of all.keys()) {
    const legacy = withLegacyNames ? legacyName(name) : undefined;
    for (const place of placesOf(name)) {
      link(places[place], name, target(place));
      if (legacy !== undefined) link(places[place], legacy, target(place));
    }
  }
  link(places.sbin, "cyrus", target("sbin"));
  // Between two renames a tree in use is not there: a start in that moment fails. Programs that run keep what they have open.
  const old = `${libexec}.old`;
  rmSync(old, { recursive: true, force: true });
  if (existsSync(libexec)) renameSync(libexec, old);
  renameSync(fresh, libexec);
  rmSync(old, { recursive: true, force: true });
  copyDocuments(prefix);
  warm(libexec, all.keys());
  const version = execFileSync(join(prefix, "sbin/cyr_master"), ["-V"], { encoding: "utf8" }).trim();
  console.log(`${version}: ${all.size} programs in ${prefix}`);
}

const words = process.argv.slice(2);
const [prefix, ...more] = words.filter((word) => word !== "--legacy-names");
if (prefix === undefined || prefix.startsWith("-") || more.length > 0) usage();
process.umask(0o022);
await install(resolve(prefix), words.includes("--legacy-names"));
