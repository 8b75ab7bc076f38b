/** What the server side of a mechanism asks of its caller next. Machines are pure: they never wait, look up or log. */
export type SaslStep =
  /** Send this to the client and pass the answer to `respond`. */
  | { readonly kind: "challenge"; readonly octets: Buffer }
  /** Check this password, then decide: the machine is finished. An empty authzid means "as myself". */
  | { readonly kind: "password"; readonly authcid: string; readonly authzid: string; readonly password: string }
  /** Look up the SCRAM verifier of this name and pass it, or undefined, to `verifier`. */
  | { readonly kind: "verifier"; readonly authcid: string }
  /** The identity comes from outside (TLS certificate, Unix peer). */
  | { readonly kind: "external"; readonly authzid: string }
  /** RFC 4505; `trace` is what the client says about itself. */
  | { readonly kind: "anonymous"; readonly trace: string }
  /** The client proved that it knows the password. `octets` go to the client as the last message. */
  | { readonly kind: "proved"; readonly authcid: string; readonly authzid: string; readonly octets: Buffer }
  | { readonly kind: "failed"; readonly reason: "syntax" | "credentials" | "channelBinding"; readonly authcid: string };

export interface SaslMachine {
  /** @param initial undefined when the client sent no initial response */
  start(initial: Buffer | undefined): SaslStep;
  respond(octets: Buffer): SaslStep;
}

export const syntaxFailure = (authcid = ""): SaslStep => ({ kind: "failed", reason: "syntax", authcid });
