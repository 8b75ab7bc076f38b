import { type SaslMachine, type SaslStep, syntaxFailure } from "./mechanism.ts";
import { decodeField } from "./text.ts";

/** LOGIN (draft-murchison-sasl-login): two prompts, name and password. Prompts are those of Cyrus's library. */
export class LoginMachine implements SaslMachine {
  #authcid: string | undefined;

  start(initial: Buffer | undefined): SaslStep {
    return initial === undefined ? { kind: "challenge", octets: Buffer.from("Username:") } : this.respond(initial);
  }

  respond(octets: Buffer): SaslStep {
    const text = decodeField(octets);
    if (!text) return syntaxFailure(this.#authcid);
    if (this.#authcid === undefined) {
      this.#authcid = text;
      return { kind: "challenge", octets: Buffer.from("Password:") };
    }
    return { kind: "password", authcid: this.#authcid, authzid: "", password: text };
  }
}
