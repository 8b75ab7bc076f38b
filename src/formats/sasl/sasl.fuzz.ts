import type { FuzzTarget } from "../../base/fuzz.ts";
import { decodeInitialResponse, decodeSaslLine } from "./base64.ts";
import { ExternalMachine } from "./external.ts";
import { LoginMachine } from "./login.ts";
import { PlainMachine } from "./plain.ts";
import { ScramMachine } from "./scram.ts";
import { makeVerifierSync, parseVerifier } from "./verifier.ts";

const decoy = makeVerifierSync("x", { hash: "sha256", iterations: 4096, salt: Buffer.from("salt") });

/** Messages separated by LF, to every machine. */
export const target: FuzzTarget = {
  name: "sasl",
  seeds: [
    Buffer.from("\0fred\0secret"),
    Buffer.from("fred\nsecret"),
    Buffer.from("n,,n=fred,r=abc\nc=biws,r=abcSERVER,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    Buffer.from("p=tls-exporter,a=bob,n=fr=2Ced,r=abc\nc=biws,r=abcSERVER,p=AAAA"),
    Buffer.from("SCRAM-SHA-256$4096:AAAA$AAAA:AAAA"),
  ],
  run(octets) {
    const messages = Buffer.from(octets).toString("latin1").split("\n").slice(0, 4);
    const scram = new ScramMachine({
      hash: "sha256",
      plus: false,
      plusOffered: false,
      channelBinding: () => undefined,
      nonce: "SERVER",
      decoy: () => decoy,
    });
    for (const machine of [new PlainMachine(), new LoginMachine(), new ExternalMachine(), scram]) {
      let step = machine.start(undefined);
      for (const message of messages) {
        if (step.kind === "verifier") step = scram.verifier(undefined);
        if (step.kind !== "challenge") break;
        step = machine.respond(Buffer.from(message, "latin1"));
      }
      if (step.kind === "proved") throw new Error("proved without a password");
    }
    decodeSaslLine(messages[0]!);
    decodeInitialResponse(messages[0]!);
    parseVerifier(messages[0]!);
  },
};
