/**
 * The key under which session tickets are issued, shared by all workers of a host through a small file:
 *
 *     pasargad-tickets-1 CREATED BASE64\n        CREATED in seconds since 1970; 48 octets (name 16, HMAC 16, AES 16)
 *
 * It is replaced when it is half as old as sessions may become; tickets of the one before are then worth nothing, which
 * costs their holders a full handshake.
 */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../../base/log.ts";

const keyOctets = 48;
const magic = "pasargad-tickets-1";
/** How often the file is looked at. */
const recheckMs = 60_000;

export interface TicketKey {
  readonly createdSeconds: number;
  readonly octets: Buffer;
}

export class TicketKeys {
  readonly #path: string;
  readonly #rotateSeconds: number;
  readonly #log: Log;
  readonly #now: () => number;
  #key: TicketKey | undefined;
  #checked = Number.NEGATIVE_INFINITY;
  #complained = false;

  /** @param options.lifetimeSeconds how long a session may be resumed */
  constructor(options: { path: string; lifetimeSeconds: number; log: Log; now?: () => number }) {
    this.#path = options.path;
    this.#rotateSeconds = Math.max(1, Math.floor(options.lifetimeSeconds / 2));
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
  }

  /** The same object until the key changes. Never throws: without a usable file the key lives in this process only. */
  current(): TicketKey {
    const now = this.#now();
    if (this.#key !== undefined && now - this.#checked < recheckMs) return this.#key;
    this.#checked = now;
    let next: TicketKey;
    try {
      next = this.#readOrRenew(Math.floor(now / 1000));
    } catch (error) {
      if (!this.#complained) this.#log.warning(`TLS ticket key ${this.#path}: ${(error as Error).message}; not shared`);
      this.#complained = true;
      next = this.#key !== undefined && !this.#isOld(this.#key, now / 1000) ? this.#key : freshKey(now / 1000);
    }
    if (this.#key === undefined || !this.#key.octets.equals(next.octets)) this.#key = next;
    return this.#key;
  }

  #readOrRenew(nowSeconds: number): TicketKey {
    const found = readTicketKey(this.#path);
    if (found !== undefined && !this.#isOld(found, nowSeconds)) return found;
    const fresh = freshKey(nowSeconds);
    const temporary = `${this.#path}.${randomBytes(6).toString("hex")}`;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, `${magic} ${fresh.createdSeconds} ${fresh.octets.toString("base64")}\n`, {
      mode: 0o600,
      flag: "wx",
    });
    try {
      // Of workers that start together, the first to link wins; a replacement is won by the last to rename. Either way all
      // read the file again and find one key.
      if (found === undefined && statSync(this.#path, { throwIfNoEntry: false }) === undefined)
        linkSync(temporary, this.#path);
      else renameSync(temporary, this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
    return readTicketKey(this.#path) ?? fresh;
  }

  #isOld({ createdSeconds }: TicketKey, nowSeconds: number): boolean {
    // A key from the future comes of a clock that was set back: treat it as new for a while, not for ever.
    return Math.abs(nowSeconds - createdSeconds) >= this.#rotateSeconds;
  }
}

function freshKey(nowSeconds: number): TicketKey {
  return { createdSeconds: Math.floor(nowSeconds), octets: randomBytes(keyOctets) };
}

/** @returns undefined when there is no file, or one that others could have read or that is not of this form */
export function readTicketKey(path: string): TicketKey | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || (stat.mode & 0o077) !== 0 || stat.size > 256) return undefined;
  const match = /^(\S+) (\d{1,12}) ([A-Za-z0-9+/=]+)\n$/.exec(readFileSync(path, "latin1"));
  if (match?.[1] !== magic) return undefined;
  const octets = Buffer.from(match[3]!, "base64");
  return octets.length === keyOctets ? { createdSeconds: Number(match[2]), octets } : undefined;
}
