export { decodeBase64, decodeInitialResponse, decodeSaslLine, type SaslLine } from "./base64.ts";
export { AnonymousMachine, ExternalMachine } from "./external.ts";
export { LoginMachine } from "./login.ts";
export type { SaslMachine, SaslStep } from "./mechanism.ts";
export { PlainMachine } from "./plain.ts";
export { ScramMachine, type ScramOptions } from "./scram.ts";
export {
  formatVerifier,
  makeVerifier,
  makeVerifierSync,
  parseVerifier,
  passwordMatches,
  type ScramHash,
  type Verifier,
} from "./verifier.ts";
