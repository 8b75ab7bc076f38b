/** Paths of imapd.conf that get in each other's way, or that differ from what cyrus.conf says. */
import { join, normalize } from "node:path";
import type { Config } from "../config.ts";
import type { CyrusConf, ServiceEntry } from "../cyrus-conf.ts";
import type { Finding } from "./finding.ts";
import { programOf } from "./commands.ts";

interface Place {
  readonly name: string;
  readonly path: string;
}

/** Partitions inside each other: a mailbox of the outer one could be a directory of the inner one. */
export function overlappingPartitions(config: Config): readonly Finding[] {
  const places = placesOf(config);
  const findings: Finding[] = [];
  const report = (inner: Place, outer: Place): void => {
    const relation = inner.path === outer.path ? "is the same directory as" : "lies inside";
    findings.push({
      ...(config.origin(inner.name) ?? { file: config.file, line: 0 }),
      text: `${inner.name} (${inner.path}) ${relation} ${outer.name} (${outer.path}); give each a directory of its own`,
    });
  };
  for (const [index, place] of places.entries()) {
    for (const other of places.slice(index + 1)) {
      if (isInside(other.path, place.path)) report(other, place);
      else if (isInside(place.path, other.path)) report(place, other);
    }
  }
  const directory = { name: "configdirectory", path: tidy(config.configdirectory) };
  for (const place of places) if (isInside(directory.path, place.path)) report(directory, place);
  return findings;
}

function placesOf(config: Config): readonly Place[] {
  const places: Place[] = [];
  const add = (name: string, path: string | undefined): void => {
    if (path !== undefined) places.push({ name, path: tidy(path) });
  };
  for (const { name, path, metaPath, archivePath, searchPaths } of config.partitions.values()) {
    add(`partition-${name}`, path);
    add(`metapartition-${name}`, metaPath);
    add(`archivepartition-${name}`, archivePath);
    for (const [tier, searchPath] of searchPaths) add(`${tier}searchpartition-${name}`, searchPath);
  }
  for (const [name, path] of config.backupPartitions) add(`backuppartition-${name}`, path);
  return places;
}

function tidy(path: string): string {
  return normalize(path).replace(/(.)\/+$/, "$1");
}

/** Also true for the same path. */
function isInside(path: string, outer: string): boolean {
  return path === outer || path.startsWith(outer === "/" ? outer : `${outer}/`);
}

/** Sockets that one side listens on and the other does not know. */
export function mismatchedSockets(config: Config, { services }: CyrusConf): readonly Finding[] {
  const sockets = [
    { option: "lmtpsocket", program: "lmtpd", path: config.lmtpsocket },
    { option: "notifysocket", program: "notifyd", path: config.notifysocket },
    { option: "idlesocket", program: "idled", path: config.idlesocket },
    {
      option: "ptloader_sock",
      program: "ptloader",
      path: config.ptloader_sock ?? join(config.configdirectory, "ptclient/ptsock"),
    },
  ];
  const findings: Finding[] = [];
  for (const { option, program, path } of sockets) {
    const listeners = services.filter(
      (entry) => programOf(entry.cmd).program === program && unixPath(entry) !== undefined,
    );
    if (listeners.length === 0 || listeners.some((entry) => unixPath(entry) === path)) continue;
    const [first] = listeners;
    findings.push({
      file: first!.file,
      line: first!.line,
      text: `${first!.name} listens on ${unixPath(first!)}, but ${option} is ${path}${whereSet(config, option)}; make them equal`,
    });
  }
  return findings;
}

function whereSet(config: Config, option: string): string {
  const origin = config.origin(option);
  return origin ? ` (${origin.file}:${origin.line})` : " by default";
}

function unixPath({ endpoint }: ServiceEntry): string | undefined {
  return "listen" in endpoint && endpoint.listen.kind === "unix" ? endpoint.listen.path : undefined;
}
