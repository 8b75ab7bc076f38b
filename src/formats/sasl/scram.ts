/**
 * SCRAM-SHA-1, SCRAM-SHA-256 (RFC 5802, RFC 7677) and their -PLUS forms, server side.
 *
 *     C: gs2-header "n=" user ",r=" cnonce          gs2-header = ("n" / "y" / "p=" type) "," ["a=" authzid] ","
 *     S: "r=" cnonce snonce ",s=" salt ",i=" count
 *     C: "c=" base64(gs2-header channel-data) ",r=" nonce ",p=" proof
 *     S: "v=" signature
 */
import { timingSafeEqual } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import { type SaslMachine, type SaslStep, syntaxFailure } from "./mechanism.ts";
import { decodeField, saslPrep } from "./text.ts";
import { digest, hmac, keyOctets, type ScramHash, type Verifier } from "./verifier.ts";

export interface ScramOptions {
  readonly hash: ScramHash;
  /** The -PLUS form: the client must bind to the channel. */
  readonly plus: boolean;
  /** True when -PLUS is offered: a client that says it would have bound ("y") was then lied to (RFC 5802 §6). */
  readonly plusOffered: boolean;
  /** Data of a channel binding type of this connection; undefined when we do not have that type. */
  readonly channelBinding: (type: string) => Buffer | undefined;
  /** Printable, without comma; fresh for every exchange. */
  readonly nonce: string;
  /** What an unknown user is shown, always the same for one name: made by the caller from a secret. */
  readonly decoy: (authcid: string) => Verifier;
}

export class ScramMachine implements SaslMachine {
  readonly #options: ScramOptions;
  #authcid = "";
  #authzid = "";
  #gs2Header = "";
  #binding: Buffer = Buffer.alloc(0);
  #clientFirstBare = "";
  #serverFirst = "";
  #nonce = "";
  #verifier: Verifier | undefined;
  #known = false;

  constructor(options: ScramOptions) {
    this.#options = options;
  }

  start(initial: Buffer | undefined): SaslStep {
    return initial === undefined ? { kind: "challenge", octets: Buffer.alloc(0) } : this.respond(initial);
  }

  respond(octets: Buffer): SaslStep {
    const text = decodeField(octets);
    if (text === undefined) return syntaxFailure(this.#authcid);
    return this.#verifier === undefined ? this.#clientFirst(text) : this.#clientFinal(text, this.#verifier);
  }

  /** Answer to a step of kind "verifier"; undefined for an unknown user, who is told so only at the end. */
  verifier(found: Verifier | undefined): SaslStep {
    this.#known = found !== undefined;
    this.#verifier = found ?? this.#options.decoy(this.#authcid);
    const { salt, iterations } = this.#verifier;
    this.#serverFirst = `r=${this.#nonce},s=${salt.toString("base64")},i=${iterations}`;
    return { kind: "challenge", octets: Buffer.from(this.#serverFirst) };
  }

  #clientFirst(text: string): SaslStep {
    if (this.#clientFirstBare !== "") return syntaxFailure(this.#authcid);
    const match =
      /^((n|y|p=([A-Za-z0-9.-]{1,64})),(?:a=([^,]+))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{1,512})(?:,.*)?)$/.exec(text);
    if (match === null) return syntaxFailure();
    const [, header = "", flag = "", type, authzid, bare = "", name = "", clientNonce = ""] = match;
    const authcid = decodeName(name);
    this.#authzid = authzid === undefined ? "" : (decodeName(authzid) ?? "");
    if (authcid === undefined || (authzid !== undefined && this.#authzid === "")) return syntaxFailure();
    this.#authcid = authcid;
    const { plus, plusOffered, channelBinding, nonce } = this.#options;
    const bound = type === undefined ? undefined : channelBinding(type);
    if (plus !== flag.startsWith("p") || (plus && bound === undefined) || (flag === "y" && plusOffered)) {
      return { kind: "failed", reason: "channelBinding", authcid };
    }
    this.#binding = bound ?? this.#binding;
    this.#gs2Header = header;
    this.#clientFirstBare = bare;
    this.#nonce = clientNonce + nonce;
    return { kind: "verifier", authcid };
  }

  #clientFinal(text: string, verifier: Verifier): SaslStep {
    const authcid = this.#authcid;
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/.exec(text);
    if (match === null) return syntaxFailure(authcid);
    const [, withoutProof = "", channel = "", nonce, proofText = ""] = match;
    const expected = Buffer.concat([Buffer.from(this.#gs2Header), this.#binding]);
    if (decodeBase64(channel)?.equals(expected) !== true) return { kind: "failed", reason: "channelBinding", authcid };
    const { hash, storedKey, serverKey } = verifier;
    const proof = decodeBase64(proofText);
    if (nonce !== this.#nonce || proof?.length !== keyOctets[hash]) return syntaxFailure(authcid);
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`;
    const signature = hmac(hash, storedKey, authMessage);
    const clientKey = proof.map((octet, i) => octet ^ signature[i]!);
    const proved = timingSafeEqual(digest(hash, clientKey), storedKey);
    if (!proved || !this.#known) return { kind: "failed", reason: "credentials", authcid };
    const octets = Buffer.from(`v=${hmac(hash, serverKey, authMessage).toString("base64")}`);
    return { kind: "proved", authcid, authzid: this.#authzid, octets };
  }
}

/** saslname: "=2C" is a comma, "=3D" an equals sign; no other "=" may occur. */
function decodeName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined;
  return saslPrep(text.replaceAll("=2C", ",").replaceAll("=3D", "="));
}
