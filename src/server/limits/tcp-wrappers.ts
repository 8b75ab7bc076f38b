/**
 * hosts.allow and hosts.deny, the part that can be decided without asking DNS:
 *
 *     daemons ":" clients [":" allow | ":" deny]
 *     daemons := list of service names or ALL         clients := list of patterns, "EXCEPT" list
 *     pattern := ALL | LOCAL (loopback) | 192.0.2. | 192.0.2.1 | 192.0.2.0/24 | 192.0.2.0/255.255.255.0 | [2001:db8::]/32
 *
 * hosts.allow is read first, then hosts.deny; the first line that matches decides; no line: allowed. Lines with host
 * name patterns never match, and are reported once. Shell commands and other options after the client list are ignored.
 * While a file that is there cannot be read, or is larger than FILE_LIMIT_OCTETS, nobody is let in over TCP: it may say so.
 */
import { readFileSync, statSync } from "node:fs";
import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import type { Log } from "../../base/log.ts";
import { canonicalAddress, isLoopback } from "../connection/peer.ts";

interface Rule {
  readonly daemons: ReadonlySet<string>;
  readonly clients: readonly Matcher[];
  readonly except: readonly Matcher[];
  readonly allow: boolean;
}
type Matcher = (address: string) => boolean;

/** Files larger than this are not what they should be, and would be parsed on the event loop. */
export const FILE_LIMIT_OCTETS = 1024 * 1024;
/** What counts while a file cannot be used. */
const nobody: readonly Rule[] = [{ daemons: new Set(["ALL"]), clients: [() => true], except: [], allow: false }];
const recheckMs = 5_000;

export class HostAccess {
  readonly #files: readonly RuleFile[];

  /** @param now for tests: milliseconds */
  constructor(log: Log, paths: { allow?: string; deny?: string } = {}, now = () => performance.now()) {
    this.#files = [
      new RuleFile(paths.allow ?? "/etc/hosts.allow", true, log, now),
      new RuleFile(paths.deny ?? "/etc/hosts.deny", false, log, now),
    ];
  }

  /** True when the files refuse this client. Unix sockets ("") are always let in. */
  refuses(service: string, address: string): boolean {
    if (address === "") return false;
    for (const file of this.#files) {
      const rule = file.rules().find((rule) => matches(rule, service, address));
      if (rule !== undefined) return !rule.allow;
    }
    return false;
  }
}

class RuleFile {
  readonly #path: string;
  readonly #allow: boolean;
  readonly #log: Log;
  readonly #now: () => number;
  #rules: readonly Rule[] = [];
  #stamp = "";
  /** What is wrong with the file, when it was said. */
  #complaint = "";
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, allow: boolean, log: Log, now: () => number) {
    this.#now = now;
    this.#path = path;
    this.#allow = allow;
    this.#log = log;
  }

  rules(): readonly Rule[] {
    const now = this.#now();
    if (now - this.#checkedMs < recheckMs) return this.#rules;
    this.#checkedMs = now;
    try {
      const stat = statSync(this.#path, { throwIfNoEntry: false });
      const stamp = stat === undefined ? "" : `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
      if (stamp === this.#stamp) return this.#rules;
      this.#rules = stat === undefined ? [] : this.#read(stat.size);
      this.#stamp = stamp;
      this.#complaint = "";
    } catch (error) {
      this.#rules = nobody;
      this.#stamp = "unusable";
      const complaint = `IOERROR: ${(error as Error).message}: no connection over TCP is let in until the file is in order`;
      if (complaint !== this.#complaint) this.#log.err(complaint);
      this.#complaint = complaint;
    }
    return this.#rules;
  }

  #read(sizeOctets: number): Rule[] {
    if (sizeOctets > FILE_LIMIT_OCTETS)
      throw new Error(`${this.#path} has ${sizeOctets} octets, more than ${FILE_LIMIT_OCTETS}`);
    const text = readFileSync(this.#path, "utf8");
    return parseHostRules(text, this.#allow, (problem) => this.#log.warning(`${this.#path}: ${problem}`));
  }
}

/** @param allow what a line without an option means: true in hosts.allow */
export function parseHostRules(text: string, allow: boolean, complain: (problem: string) => void = () => {}): Rule[] {
  const rules: Rule[] = [];
  for (const line of text.replace(/\\\n/g, "").split("\n")) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [daemons = "", clients, ...options] = splitFields(line);
    if (clients === undefined) {
      complain(`missing ":" in "${line.trim()}"`);
      continue;
    }
    const [names = [], ...exceptions] = splitExcept(clients);
    const option = options.map((word) => word.trim().toLowerCase());
    rules.push({
      daemons: new Set(words(daemons)),
      clients: names.map((name) => clientMatcher(name, complain)),
      except: exceptions.flat().map((name) => clientMatcher(name, complain)),
      allow: option.includes("allow") ? true : option.includes("deny") ? false : allow,
    });
  }
  return rules;
}

/** Splits at colons outside brackets, for `[::1]`. */
function splitFields(line: string): string[] {
  return line.split(/:(?![^[]*\])/);
}
function words(list: string): string[] {
  return list.split(/[\s,]+/).filter((word) => word !== "");
}
function splitExcept(list: string): string[][] {
  const parts: string[][] = [[]];
  for (const word of words(list)) {
    if (word === "EXCEPT") parts.push([]);
    else parts.at(-1)!.push(word);
  }
  return parts;
}

function clientMatcher(pattern: string, complain: (problem: string) => void): Matcher {
  if (pattern === "ALL") return () => true;
  if (pattern === "LOCAL" || pattern === "localhost") return isLoopback;
  if (/^(\d{1,3}\.){1,3}$/.test(pattern)) return (address) => isIPv4(address) && address.startsWith(pattern);
  const [network = "", mask] = pattern.replace(/^\[|\](?=\/|$)/g, "").split("/");
  const family = isIPv4(network) ? "ipv4" : isIPv6(network) ? "ipv6" : undefined;
  if (family === undefined) {
    complain(`"${pattern}" is not an address; host names are not looked up, the pattern matches nobody`);
    return () => false;
  }
  if (mask === undefined) return (address) => address === canonicalAddress(network);
  const prefix = prefixLength(mask, family);
  if (prefix === undefined) {
    complain(`"${pattern}" has no valid mask, the pattern matches nobody`);
    return () => false;
  }
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

function prefixLength(mask: string, family: "ipv4" | "ipv6"): number | undefined {
  if (/^\d{1,3}$/.test(mask)) return Number(mask) <= (family === "ipv4" ? 32 : 128) ? Number(mask) : undefined;
  if (family !== "ipv4" || !isIPv4(mask)) return undefined;
  const bits = mask
    .split(".")
    .map((octet) => Number(octet).toString(2).padStart(8, "0"))
    .join("");
  return /^1*0*$/.test(bits) ? bits.replaceAll("0", "").length : undefined;
}

function matches(rule: Rule, service: string, address: string): boolean {
  if (!rule.daemons.has(service) && !rule.daemons.has("ALL")) return false;
  return rule.clients.some((match) => match(address)) && !rule.except.some((match) => match(address));
}
