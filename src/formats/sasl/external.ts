import { type SaslMachine, type SaslStep, syntaxFailure } from "./mechanism.ts";
import { decodeField } from "./text.ts";

/** EXTERNAL (RFC 4422 appendix A): the message is the authzid, or empty. */
export class ExternalMachine implements SaslMachine {
  start(initial: Buffer | undefined): SaslStep {
    return initial === undefined ? { kind: "challenge", octets: Buffer.alloc(0) } : this.respond(initial);
  }
  respond(octets: Buffer): SaslStep {
    const authzid = decodeField(octets);
    return authzid === undefined ? syntaxFailure() : { kind: "external", authzid };
  }
}

/** ANONYMOUS (RFC 4505): the message is trace information. */
export class AnonymousMachine implements SaslMachine {
  start(initial: Buffer | undefined): SaslStep {
    return initial === undefined ? { kind: "challenge", octets: Buffer.alloc(0) } : this.respond(initial);
  }
  respond(octets: Buffer): SaslStep {
    const trace = decodeField(octets);
    return trace === undefined ? syntaxFailure() : { kind: "anonymous", trace };
  }
}
