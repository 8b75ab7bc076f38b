import { type SaslMachine, type SaslStep, syntaxFailure } from "./mechanism.ts";
import { decodeField } from "./text.ts";

/** PLAIN (RFC 4616): message = [authzid] NUL authcid NUL passwd. */
export class PlainMachine implements SaslMachine {
  start(initial: Buffer | undefined): SaslStep {
    return initial === undefined ? { kind: "challenge", octets: Buffer.alloc(0) } : this.respond(initial);
  }

  respond(octets: Buffer): SaslStep {
    const first = octets.indexOf(0);
    const second = first < 0 ? -1 : octets.indexOf(0, first + 1);
    if (second < 0) return syntaxFailure();
    const authzid = decodeField(octets.subarray(0, first));
    const authcid = decodeField(octets.subarray(first + 1, second));
    const password = decodeField(octets.subarray(second + 1));
    if (authzid === undefined || !authcid || !password) return syntaxFailure(authcid);
    return { kind: "password", authcid, authzid, password };
  }
}
