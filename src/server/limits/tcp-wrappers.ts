/**
 * hosts.allow and hosts.deny, the part that can be decided without asking DNS:
 *
 *     daemons ":" clients [":" allow | ":" deny]
 *     daemons := list of service names or ALL         clients := list of patterns, "EXCEPT" list
 *     pattern := ALL | LOCAL (loopback) | 192.0.2. | 192.0.2.1 | 192.0.2.0/24 | 192.0.2.0/255.255.255.0 | [2001:db8::]/32
 *
 * hosts.allow is read first, then hosts.deny; the first line that matches decides; no line: allowed. Lines with host
 * name patterns never match, and are reported once. Shell commands and other options after the client list are ignored.
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

/** Files larger than this are not what they should be. */
const fileLimitOctets = 1024 * 1024;
const recheckMs = 5_000;

export class HostAccess {
  readonly #files: readonly RuleFile[];

  constructor(log: Log, paths: { allow?: string; deny?: string } = {}) {
    this.#files = [
      new RuleFile(paths.allow ?? "/etc/hosts.allow", true, log),
      new RuleFile(paths.deny ?? "/etc/hosts.deny", false, log),
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
  #rules: readonly Rule[] = [];
  #stamp = "";
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, allow: boolean, log: Log) {
    this.#path = path;
    this.#allow = allow;
    this.#log = log;
  }

  rules(): readonly Rule[] {
    const now = performance.now();
    if (now - this.#checkedMs < recheckMs) return this.#rules;
    this.#checkedMs = now;
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "" : `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
    if (stamp === this.#stamp) return this.#rules;
    this.#stamp = stamp;
    try {
      const text = stat === undefined || stat.size > fileLimitOctets ? "" : readFileSync(this.#path, "utf8");
      this.#rules = parseHostRules(text, this.#allow, (problem) => this.#log.warning(`${this.#path}: ${problem}`));
    } catch (error) {
      this.#log.err(`IOERROR: ${(error as Error).message}`);
    }
    return this.#rules;
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
