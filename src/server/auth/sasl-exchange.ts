import { createHmac, randomBytes } from "node:crypto";
import type { Log } from "../../base/log.ts";
import {
  AnonymousMachine,
  decodeInitialResponse,
  decodeSaslLine,
  ExternalMachine,
  LoginMachine,
  PlainMachine,
  type SaslLine,
  type SaslMachine,
  type SaslStep,
  ScramMachine,
  type ScramHash,
  type Verifier,
} from "../../formats/sasl/index.ts";
import type { Connection } from "../connection/index.ts";
import type { Canonical } from "./canonical-userid.ts";
import { failure, type Identity, type LoginFailure, type LoginResult, type PasswordLogin } from "./identity.ts";
import { saslDetails } from "./login-log.ts";
import { newIterations, type UserLookup } from "./user-database.ts";

/** What an exchange needs of the authenticator; see there. */
export interface ExchangeHost {
  readonly options: { readonly log: Log };
  readonly users: UserLookup | undefined;
  mechanismsFor(connection: Connection, externalSsf?: number): string[];
  canonical(name: string): Canonical;
  password(login: PasswordLogin): Promise<LoginResult>;
  proved(login: Omit<PasswordLogin, "password">, started: number): Promise<LoginResult>;
  rejected(
    login: Omit<PasswordLogin, "password">,
    started: number,
    reason: LoginFailure["reason"],
    detail: string,
  ): Promise<LoginFailure>;
  anonymous(connection: Connection, mechanism: string): Identity;
  inTurn<T>(connection: Connection, name: string, check: (started: number) => Promise<T>): Promise<T | undefined>;
}

export type ExchangeStep =
  /** Send this base64 text as a continuation (IMAP `+ TEXT`) and pass the client's line to `respond`. */
  | { readonly kind: "challenge"; readonly text: string }
  | { readonly kind: "done"; readonly identity: Identity }
  | { readonly kind: "failed"; readonly failure: LoginFailure };

/** For a user database without a secret of its own: an unknown user's salt then stays the same within a process only. */
const processSecret = randomBytes(32);

/** One AUTHENTICATE: base64 lines in, base64 lines out. */
export class SaslExchange {
  readonly mechanism: string;
  readonly #authenticator: ExchangeHost;
  readonly #connection: Connection;
  readonly #more: { sessionId?: string; externalSsf?: number };
  /** From when the pause after a failure counts. */
  #started = performance.now();
  #machine: SaslMachine | undefined;
  /** Set once the server's last message is out and the client's empty answer is awaited. */
  #proved: { readonly authcid: string; readonly authzid: string } | undefined;
  #authcid = "";
  /** SCRAM: the challenge is out, so the next line is a guess or better. */
  #guessComes = false;

  constructor(
    authenticator: ExchangeHost,
    mechanism: string,
    connection: Connection,
    more: { sessionId?: string; externalSsf?: number },
  ) {
    this.#authenticator = authenticator;
    this.mechanism = mechanism;
    this.#connection = connection;
    this.#more = more;
  }

  /** @param initial the initial response as on the wire (`=` is empty), undefined when there was none */
  async start(initial: string | undefined): Promise<ExchangeStep> {
    const offered = this.#authenticator.mechanismsFor(this.#connection, this.#more.externalSsf);
    if (!offered.includes(this.mechanism)) return { kind: "failed", failure: failure("mechanism") };
    this.#machine = this.#makeMachine(offered);
    if (initial === undefined) return this.#follow(this.#machine.start(undefined));
    return this.#take(decodeInitialResponse(initial), (octets) => this.#machine!.start(octets));
  }

  /** @param line the client's line without CRLF */
  async respond(line: string): Promise<ExchangeStep> {
    const machine = this.#machine;
    if (machine === undefined) return { kind: "failed", failure: failure("syntax") };
    if (this.#proved === undefined) {
      const take = (): Promise<ExchangeStep> => this.#take(decodeSaslLine(line), (octets) => machine.respond(octets));
      return this.#guessComes && line !== "*" ? this.#inTurn(take) : take();
    }
    if (line === "*") return { kind: "failed", failure: failure("aborted") };
    if (line !== "" && line !== "=") return this.#reject("syntax", saslDetails.badProtocol);
    return this.#finish(await this.#authenticator.proved({ ...this.#login(), ...this.#proved }, this.#started));
  }

  async #inTurn(take: () => Promise<ExchangeStep>): Promise<ExchangeStep> {
    const name = this.#authenticator.canonical(this.#authcid);
    const userid = name.kind === "user" ? name.userid : this.#authcid;
    const step = await this.#authenticator.inTurn(this.#connection, userid, (started) => {
      this.#started = started;
      return take();
    });
    return step ?? this.#reject("unavailable", saslDetails.unavailable);
  }

  async #take(line: SaslLine, machine: (octets: Buffer) => SaslStep): Promise<ExchangeStep> {
    if (line.kind === "abort") return { kind: "failed", failure: failure("aborted") };
    if (line.kind === "bad") return this.#reject("syntax", saslDetails.badProtocol);
    return this.#follow(machine(line.octets));
  }

  async #follow(step: SaslStep): Promise<ExchangeStep> {
    if ("authcid" in step) this.#authcid = step.authcid;
    switch (step.kind) {
      case "challenge":
        return { kind: "challenge", text: step.octets.toString("base64") };
      case "password": {
        const { authcid, authzid, password } = step;
        return this.#finish(await this.#authenticator.password({ ...this.#login(), authcid, authzid, password }));
      }
      case "verifier":
        return this.#lookUp(step.authcid);
      case "proved":
        this.#proved = { authcid: step.authcid, authzid: step.authzid };
        return { kind: "challenge", text: step.octets.toString("base64") };
      case "external": {
        const authcid = this.#connection.tls?.commonName;
        if (authcid === undefined) return this.#reject("credentials", saslDetails.passwordFailed);
        const login = { ...this.#login(), authcid, authzid: step.authzid };
        return this.#finish(await this.#authenticator.proved(login, this.#started));
      }
      case "anonymous":
        this.#authenticator.options.log.notice(`login: ${this.#connection.peer} anonymous ${step.trace}`);
        return { kind: "done", identity: this.#authenticator.anonymous(this.#connection, this.mechanism) };
      case "failed":
        if (step.reason === "syntax") return this.#reject("syntax", saslDetails.badProtocol);
        return this.#reject(
          "credentials",
          step.reason === "credentials" ? saslDetails.scramFailed : saslDetails.channelBinding,
        );
    }
  }

  async #lookUp(authcid: string): Promise<ExchangeStep> {
    const machine = this.#machine;
    if (!(machine instanceof ScramMachine)) return this.#reject("syntax", saslDetails.badProtocol);
    const name = this.#authenticator.canonical(authcid);
    const hash = this.#hash();
    try {
      const user = name.kind === "user" ? this.#authenticator.users?.find(name.userid) : undefined;
      this.#guessComes = true;
      return this.#follow(machine.verifier(user?.disabled ? undefined : user?.[hash]));
    } catch (error) {
      this.#authenticator.options.log.err(`user database: ${(error as Error).message}`);
      return this.#reject("unavailable", saslDetails.unavailable);
    }
  }

  #decoy(authcid: string): Verifier {
    const name = this.#authenticator.canonical(authcid);
    const secret = this.#authenticator.users?.decoySecret() ?? processSecret;
    return decoyVerifier(secret, name.kind === "user" ? name.userid : authcid, this.#hash());
  }

  #hash(): ScramHash {
    return this.mechanism.startsWith("SCRAM-SHA-256") ? "sha256" : "sha1";
  }

  #login() {
    const { sessionId } = this.#more;
    return { authcid: this.#authcid, mechanism: this.mechanism, connection: this.#connection, sessionId };
  }

  #finish(result: Identity | LoginFailure): ExchangeStep {
    return result.ok ? { kind: "done", identity: result } : { kind: "failed", failure: result };
  }

  async #reject(reason: LoginFailure["reason"], detail: string): Promise<ExchangeStep> {
    return {
      kind: "failed",
      failure: await this.#authenticator.rejected(this.#login(), this.#started, reason, detail),
    };
  }

  #makeMachine(offered: readonly string[]): SaslMachine {
    switch (this.mechanism) {
      case "PLAIN":
        return new PlainMachine();
      case "LOGIN":
        return new LoginMachine();
      case "EXTERNAL":
        return new ExternalMachine();
      case "ANONYMOUS":
        return new AnonymousMachine();
      default: {
        const plus = this.mechanism.endsWith("-PLUS");
        return new ScramMachine({
          hash: this.#hash(),
          plus,
          plusOffered: offered.includes(plus ? this.mechanism : `${this.mechanism}-PLUS`),
          channelBinding: (type) => this.#connection.channelBinding(type),
          nonce: randomBytes(18).toString("base64"),
          decoy: (authcid) => this.#decoy(authcid),
        });
      }
    }
  }
}

/**
 * What an unknown user seems to have stored. As with a real one it is the same however the name is spelt, in every process
 * and after every start, and another for each hash.
 */
function decoyVerifier(secret: string | Buffer, name: string, hash: ScramHash): Verifier {
  const octets = createHmac("sha512", secret).update(`${hash}:${name}`).digest();
  const size = hash === "sha1" ? 20 : 32;
  const storedKey = octets.subarray(16, 16 + size);
  return { hash, iterations: newIterations, salt: octets.subarray(0, 16), storedKey, serverKey: storedKey };
}
