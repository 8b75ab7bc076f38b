/**
 * What is stored instead of a password (RFC 5803, RFC 5802 §3): enough to check it and to run SCRAM, not enough to log in.
 *
 *     SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY        salt and keys in base64
 */
import { createHash, createHmac, pbkdf2, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { decodeBase64 } from "./base64.ts";
import { maxIterations, minIterations } from "./limits.ts";
import { saslPrep } from "./text.ts";

export type ScramHash = "sha1" | "sha256";
export interface Verifier {
  readonly hash: ScramHash;
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const names: Readonly<Record<ScramHash, string>> = { sha1: "SCRAM-SHA-1", sha256: "SCRAM-SHA-256" };
export const keyOctets: Readonly<Record<ScramHash, number>> = { sha1: 20, sha256: 32 };
const derive = promisify(pbkdf2);

export function hmac(hash: ScramHash, key: Uint8Array, data: string | Uint8Array): Buffer {
  return createHmac(hash, key).update(data).digest();
}
export function digest(hash: ScramHash, data: Uint8Array): Buffer {
  return createHash(hash).update(data).digest();
}

export interface VerifierOptions {
  readonly hash: ScramHash;
  readonly iterations: number;
  readonly salt: Buffer;
}

/** Derivation runs in the thread pool. */
export async function makeVerifier(password: string, options: VerifierOptions): Promise<Verifier> {
  const { hash, iterations, salt } = options;
  return fromSalted(await derive(prepared(password), salt, iterations, keyOctets[hash], hash), options);
}

/** The same, at once: for tools. */
export function makeVerifierSync(password: string, options: VerifierOptions): Verifier {
  const { hash, iterations, salt } = options;
  return fromSalted(pbkdf2Sync(prepared(password), salt, iterations, keyOctets[hash], hash), options);
}

function fromSalted(salted: Buffer, { hash, iterations, salt }: VerifierOptions): Verifier {
  const storedKey = digest(hash, hmac(hash, salted, "Client Key"));
  return { hash, iterations, salt, storedKey, serverKey: hmac(hash, salted, "Server Key") };
}

/** A password that cannot be prepared is taken as it is: it can then be used with PLAIN, as it was set. */
function prepared(password: string): string {
  return saslPrep(password) ?? password;
}

/** True when this is the password the verifier was made of. Takes the same time whatever differs. */
export async function passwordMatches(verifier: Verifier, password: string): Promise<boolean> {
  const { storedKey } = await makeVerifier(password, verifier);
  return timingSafeEqual(storedKey, verifier.storedKey);
}

export function formatVerifier({ hash, iterations, salt, storedKey, serverKey }: Verifier): string {
  const [s, c, k] = [salt, storedKey, serverKey].map((octets) => octets.toString("base64"));
  return `${names[hash]}$${iterations}:${s}$${c}:${k}`;
}

/** @returns undefined when the text is not a verifier we can use */
export function parseVerifier(text: string): Verifier | undefined {
  const match = /^SCRAM-SHA-(1|256)\$(\d{1,9}):([^$:]{1,256})\$([^$:]{1,64}):([^$:]{1,64})$/.exec(text);
  if (match === null) return undefined;
  const hash: ScramHash = match[1] === "1" ? "sha1" : "sha256";
  const iterations = Number(match[2]);
  const [salt, storedKey, serverKey] = [match[3]!, match[4]!, match[5]!].map(decodeBase64);
  if (salt === undefined || storedKey === undefined || serverKey === undefined) return undefined;
  if (iterations < minIterations || iterations > maxIterations || salt.length === 0) return undefined;
  if (storedKey.length !== keyOctets[hash] || serverKey.length !== keyOctets[hash]) return undefined;
  return { hash, iterations, salt, storedKey, serverKey };
}
