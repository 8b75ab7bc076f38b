/**
 * Makes X.509 certificates (RFC 5280) with node:crypto alone: for tests, and for the self-signed certificate of a first
 * start. Not a certificate authority: one name, no extensions but basic constraints and the name.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface MadeCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly commonName: string;
  readonly privateKey: KeyObject;
}

const oids = {
  commonName: [2, 5, 4, 3],
  basicConstraints: [2, 5, 29, 19],
  subjectAltName: [2, 5, 29, 17],
  ecdsaWithSha256: [1, 2, 840, 10045, 4, 3, 2],
  sha256WithRsa: [1, 2, 840, 113549, 1, 1, 11],
} as const;
const dayMs = 86_400_000;

/**
 * @param options.commonName also put in as DNS name, so keep it a host name for servers
 * @param options.issuer absent: self-signed, and able to issue others
 */
export function makeCertificate(options: {
  commonName: string;
  algorithm?: "ec" | "rsa";
  issuer?: MadeCertificate;
  days?: number;
  now?: number;
}): MadeCertificate {
  const { commonName, algorithm = "ec", issuer, days = 365, now = Date.now() } = options;
  const { privateKey, publicKey } =
    algorithm === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "prime256v1" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signer = issuer?.privateKey ?? privateKey;
  const signatureAlgorithm = sequence(
    ...(signer.asymmetricKeyType === "ec"
      ? [oid(oids.ecdsaWithSha256)]
      : [oid(oids.sha256WithRsa), tagged(0x05, Buffer.alloc(0))]),
  );
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    signatureAlgorithm,
    name(issuer?.commonName ?? commonName),
    sequence(time(now - dayMs), time(now + days * dayMs)),
    name(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions(commonName, issuer === undefined))),
  );
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, signer)]));
  const der = sequence(body, signatureAlgorithm, signature);
  const lines = der.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  const cert = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), commonName, privateKey };
}

function extensions(commonName: string, isAuthority: boolean): Buffer[] {
  const octets = (content: Buffer): Buffer => tagged(0x04, content);
  const isTrue = tagged(0x01, Buffer.from([0xff]));
  const constraints = sequence(...(isAuthority ? [isTrue] : []));
  const alternative = sequence(tagged(0x82, Buffer.from(commonName.replaceAll(" ", "-"))));
  return [
    sequence(oid(oids.basicConstraints), isTrue, octets(constraints)),
    sequence(oid(oids.subjectAltName), octets(alternative)),
  ];
}

function name(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(oid(oids.commonName), tagged(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime from 2050 on, UTCTime before (RFC 5280 §4.1.2.5). */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/\D/g, "").slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tagged(0x18, Buffer.from(`${digits}Z`));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
}
function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}
function integer(octets: Buffer): Buffer {
  return tagged(0x02, octets);
}
function oid([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const octets = [40 * first + second];
  for (const arc of rest) {
    const groups = [arc & 127];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift(128 | (left & 127));
    octets.push(...groups);
  }
  return tagged(0x06, Buffer.from(octets));
}
