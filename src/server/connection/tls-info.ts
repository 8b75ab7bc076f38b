import { createHash, type X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** What a finished handshake agreed on. */
export interface TlsInfo {
  /** `TLSv1.3`. */
  readonly protocol: string;
  /** OpenSSL's cipher name. */
  readonly cipher: string;
  /** Secret bits, 0 when unknown. */
  readonly bits: number;
  readonly reused: boolean;
  readonly hasClientCertificate: boolean;
  /** Why the client's certificate was not accepted; undefined when it was, or when there is none. */
  readonly verifyError: string | undefined;
  /** Common name of the verified client certificate: the identity SASL EXTERNAL may use. */
  readonly commonName: string | undefined;
  /** `starttls: TLSv1.3 with cipher ... ` as Cyrus logs it. */
  readonly logLine: string;
}

/** The part of a TLS socket that Node documents for clients only. */
interface Verifying {
  readonly ssl?: { verifyError?: () => (Error & { code?: string }) | null | undefined };
}

export function describeTls(socket: TLSSocket): TlsInfo {
  const protocol = socket.getProtocol() ?? "unknown";
  const { name: cipher = "unknown" } = socket.getCipher() ?? {};
  const bits = cipherBits(cipher);
  const reused = socket.isSessionReused();
  const certificate = socket.getPeerCertificate(false) as DetailedPeerCertificate | null;
  const hasClientCertificate = certificate !== null && Object.keys(certificate).length > 0;
  const check = (socket as unknown as Verifying).ssl?.verifyError;
  // A socket that cannot say whether the certificate was verified counts as one whose certificate was not.
  const error: { code?: string; message: string } | null | undefined =
    check === undefined ? { message: "cannot verify" } : check.call((socket as unknown as Verifying).ssl);
  const verifyError = error === null || error === undefined ? undefined : (error.code ?? error.message);
  const subject = certificate?.subject?.CN;
  const commonName =
    hasClientCertificate && verifyError === undefined && typeof subject === "string" ? subject : undefined;
  const who = commonName === undefined ? "no authentication" : `authenticated as ${printable(commonName)}`;
  const logLine = `starttls: ${protocol} with cipher ${cipher} (${bits}/${bits} bits ${reused ? "reused" : "new"}) ${who}`;
  return { protocol, cipher, bits, reused, hasClientCertificate, verifyError, commonName, logLine };
}

/** Secret bits by cipher name: Node does not tell them for an established connection. */
function cipherBits(cipher: string): number {
  if (/256|CHACHA20/.test(cipher)) return /128/.test(cipher) && !/AES256|AES_256|CHACHA20/.test(cipher) ? 128 : 256;
  if (/128/.test(cipher)) return 128;
  if (/3DES|DES-CBC3/.test(cipher)) return 168;
  return 0;
}

function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, "?").slice(0, 256);
}

export function channelBinding(socket: TLSSocket, type: string): Buffer | undefined {
  if (type === "tls-exporter") {
    return socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
  }
  if (type !== "tls-server-end-point") return undefined;
  const certificate = socket.getX509Certificate();
  if (certificate === undefined) return undefined;
  return createHash(endPointHash(certificate)).update(certificate.raw).digest();
}

/** RFC 5929 §4.1: the hash of the certificate's signature, MD5 and SHA-1 replaced by SHA-256. */
function endPointHash(certificate: X509Certificate): string {
  const algorithm = (certificate.signatureAlgorithm ?? "").toLowerCase();
  return /sha-?(224|384|512)/.exec(algorithm)?.[0].replace("-", "") ?? "sha256";
}
