/** Names of ports: /etc/services, and behind it a table of our own, so that `listen="mupdate"` works everywhere. */
import { readFileSync } from "node:fs";

export type PortProtocol = "tcp" | "udp";

export interface ServiceEntry {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly aliases: readonly string[];
}

/** Longer lines are cut by every other reader of this file, and are no services. */
const MAX_LINE = 1_024;
/** A few hundred kilobytes is the size of the whole IANA registry. */
const MAX_OCTETS = 4 * 1024 * 1024;

/**
 * Names that cyrus.conf files use. Not registered by IANA: kpop, lmtp, smmap, csync; most systems' /etc/services lack
 * these and mupdate.
 */
export const builtInServices: readonly ServiceEntry[] = [
  tcp("smtp", 25),
  tcp("http", 80, "www"),
  tcp("pop3", 110, "pop-3"),
  tcp("nntp", 119),
  tcp("imap", 143, "imap2"),
  tcp("https", 443),
  tcp("submissions", 465),
  tcp("nntps", 563, "snntp"),
  tcp("submission", 587),
  tcp("imaps", 993),
  tcp("pop3s", 995),
  tcp("kpop", 1109),
  tcp("lmtp", 2003),
  tcp("smmap", 2004),
  tcp("csync", 2005),
  tcp("mupdate", 3905),
  tcp("sieve", 4190),
  { name: "fud", port: 4201, protocol: "udp", aliases: [] },
  tcp("http-alt", 8080, "webcache"),
];

function tcp(name: string, port: number, ...aliases: string[]): ServiceEntry {
  return { name, port, protocol: "tcp", aliases };
}

/** Lines `NAME PORT/PROTOCOL ALIAS...`, `#` begins a comment. Lines of any other shape are passed over. */
export function parseServices(text: string): readonly ServiceEntry[] {
  const entries: ServiceEntry[] = [];
  for (const line of text.split("\n")) {
    if (line.length > MAX_LINE) continue;
    const [name, where, ...aliases] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const [, digits, protocol] = /^([0-9]{1,5})\/([a-z0-9]+)$/.exec(where ?? "") ?? [];
    if (!name || digits === undefined || protocol === undefined || Number(digits) > 65_535) continue;
    entries.push({ name, port: Number(digits), protocol, aliases });
  }
  return entries;
}

export interface Services {
  /** Port of a service, by its name or an alias; names are compared with their case. */
  port(name: string, protocol: PortProtocol): number | undefined;
  /** True when only our own table knows the name. */
  isBuiltIn(name: string, protocol: PortProtocol): boolean;
}

/** Looks in `entries` first, then in the built-in table. The first entry of a name counts, a name before an alias. */
export function makeServices(entries: readonly ServiceEntry[]): Services {
  const given = index(entries);
  const builtIn = index(builtInServices);
  return {
    port: (name, protocol) => given.get(`${name}/${protocol}`) ?? builtIn.get(`${name}/${protocol}`),
    isBuiltIn: (name, protocol) => !given.has(`${name}/${protocol}`) && builtIn.has(`${name}/${protocol}`),
  };
}

function index(entries: readonly ServiceEntry[]): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  const add = (name: string, { port, protocol }: ServiceEntry): void => {
    const key = `${name}/${protocol}`;
    if (!ports.has(key)) ports.set(key, port);
  };
  for (const entry of entries) add(entry.name, entry);
  for (const entry of entries) for (const alias of entry.aliases) add(alias, entry);
  return ports;
}

/** /etc/services; when it is missing or cannot be read, the built-in table alone. */
export function loadServices(path = "/etc/services"): Services {
  let text: string;
  try {
    text = readFileSync(path, "latin1").slice(0, MAX_OCTETS);
  } catch {
    // Containers often have no such file. Names it alone would know show up as unknown where they are used.
    text = "";
  }
  return makeServices(parseServices(text));
}
