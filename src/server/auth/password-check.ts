/** The port behind which passwords are checked, and its backends, named as in `sasl_pwcheck_method`. */
import { timingSafeEqual } from "node:crypto";
import type { Log } from "../../base/log.ts";
import { formatVerifier, makeVerifier, type Verifier } from "../../formats/sasl/index.ts";
import { PositiveCache } from "./positive-cache.ts";
import { askSaslauthd } from "./saslauthd.ts";
import { Semaphore } from "./semaphore.ts";
import { newIterations, type UserLookup } from "./user-database.ts";

/** "unavailable": it could not be found out; the client may try again. */
export type PasswordAnswer = "right" | "wrong" | "unavailable";

export interface PasswordRequest {
  /** Canonical userid of the one who logs in. */
  readonly userid: string;
  readonly password: string;
  /** The client came to a loopback address or a Unix socket. */
  readonly listenerIsLocal: boolean;
  /** Whether the client still waits for the answer. Absent: yes. */
  readonly isWanted?: () => boolean;
}

export interface PasswordBackend {
  readonly method: string;
  check(request: PasswordRequest): Promise<PasswordAnswer>;
}

/** The first backend that knows the password right decides; one that did not answer makes the whole "unavailable". */
export async function checkPassword(
  backends: readonly PasswordBackend[],
  request: PasswordRequest,
): Promise<PasswordAnswer> {
  let answer: PasswordAnswer = backends.length === 0 ? "unavailable" : "wrong";
  for (const backend of backends) {
    const here = await backend.check(request);
    if (here === "right") return here;
    if (here === "unavailable") answer = here;
  }
  return answer;
}

/** saslauthd serves from a handful of processes; more than this at once only wait there. */
const saslauthdConnections = 32;
/** Derivations at once: the thread pool has four threads, and cold reads of mail need some. */
const derivations = 2;
/** Logins that may wait for a backend; beyond, "unavailable" is the honest answer. */
const maxWaiting = 2_000;

/** Clients that ask and hang up must not have those wait who stay: when their turn comes nothing is done. */
function ifWanted<T>(isWanted: (() => boolean) | undefined, work: () => Promise<T>): () => Promise<T | undefined> {
  return async () => (isWanted?.() === false ? undefined : work());
}

export function saslauthdBackend(options: {
  path: string;
  service: string;
  log: Log;
  timeoutMs?: number;
  cache?: PositiveCache;
}): PasswordBackend {
  const { path, service, log, timeoutMs, cache = new PositiveCache() } = options;
  const slots = new Semaphore(saslauthdConnections, maxWaiting);
  return {
    method: "saslauthd",
    async check({ userid, password, isWanted }) {
      const digest = cache.digest(userid, password);
      if (cache.has(digest)) return "right";
      try {
        const ask = { path, userid, password, service, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
        const ok = await slots.run(ifWanted(isWanted, () => askSaslauthd(ask)));
        if (ok) cache.add(digest);
        return ok === undefined ? "unavailable" : ok ? "right" : "wrong";
      } catch (error) {
        log.err((error as Error).message);
        return "unavailable";
      }
    },
  };
}

/** What an unknown user's password is compared with, so that the answer takes as long as for a known one. */
const nobody: Verifier = {
  hash: "sha256",
  iterations: newIterations,
  salt: Buffer.from("0123456789abcdef"),
  storedKey: Buffer.alloc(32),
  serverKey: Buffer.alloc(32),
};

export function databaseBackend(options: { users: UserLookup; log: Log; cache?: PositiveCache }): PasswordBackend {
  const { users, log, cache = new PositiveCache() } = options;
  const slots = new Semaphore(derivations, maxWaiting);
  return {
    method: "auxprop",
    async check({ userid, password, isWanted }) {
      let verifier: Verifier | undefined;
      try {
        const user = users.find(userid);
        verifier = user?.disabled ? undefined : (user?.sha256 ?? user?.sha1);
      } catch (error) {
        log.err(`user database: ${(error as Error).message}`);
        return "unavailable";
      }
      // The verifier is part of the digest: a changed password counts at once.
      const digest = cache.digest(userid, password, verifier === undefined ? "" : formatVerifier(verifier));
      if (verifier !== undefined && cache.has(digest)) return "right";
      const derived = await slots.run(ifWanted(isWanted, () => makeVerifier(password, verifier ?? nobody)));
      if (derived === undefined) return "unavailable";
      const same = timingSafeEqual(derived.storedKey, (verifier ?? nobody).storedKey);
      if (!same || verifier === undefined) return "wrong";
      cache.add(digest);
      return "right";
    },
  };
}

/**
 * Every password is right: for tests and demonstrations. On a listener that others can reach it refuses, unless the
 * administrator wrote `sasl_alwaystrue_anywhere: yes`.
 */
export function alwaysTrueBackend(options: { anywhere: boolean; log: Log }): PasswordBackend {
  return {
    method: "alwaystrue",
    async check({ listenerIsLocal }) {
      if (listenerIsLocal || options.anywhere) return "right";
      options.log.err(
        "pwcheck_method alwaystrue is refused on a listener that is not loopback; see sasl_alwaystrue_anywhere",
      );
      return "wrong";
    },
  };
}
