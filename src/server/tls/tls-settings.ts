import { constants } from "node:crypto";
import type { SecureVersion } from "node:tls";
import type { Config } from "../../config/index.ts";

/** The tls_ options as contexts need them. Paths are not read here. */
export interface TlsSettings {
  /** Certificate files with their key files: one pair, or two of different algorithms. */
  readonly pairs: readonly { readonly cert: string; readonly key: string }[];
  /** For completing the chain of a certificate file that holds only the certificate. */
  readonly chainFile: string | undefined;
  readonly clientCaFile: string | undefined;
  readonly clientCaDir: string | undefined;
  readonly clientCerts: "off" | "optional" | "require";
  readonly crlFile: string | undefined;
  readonly dhparamFile: string | undefined;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** SSL_OP_ bits. */
  readonly secureOptions: number;
  /** OpenSSL list, with TLS 1.3 suites. */
  readonly ciphers: string;
  readonly curves: string;
  readonly preferServerCiphers: boolean;
  /** Seconds; 0: no resumption. */
  readonly sessionTimeout: number;
}

const versions: readonly { readonly name: string; readonly version: SecureVersion; readonly off: number }[] = [
  { name: "tls1_0", version: "TLSv1", off: constants.SSL_OP_NO_TLSv1 },
  { name: "tls1_1", version: "TLSv1.1", off: constants.SSL_OP_NO_TLSv1_1 },
  { name: "tls1_2", version: "TLSv1.2", off: constants.SSL_OP_NO_TLSv1_2 },
  { name: "tls1_3", version: "TLSv1.3", off: constants.SSL_OP_NO_TLSv1_3 },
];
/** OpenSSL's own; node turns TLS 1.3 off when a cipher list names none of them. */
const tls13Ciphers = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
const defaultCurve = "prime256v1";
const longestSession = 24 * 3_600;

/**
 * @returns undefined when TLS is off: no `tls_server_cert`, or `disabled`
 * @throws when the options contradict each other
 */
export function tlsSettings(config: Config): TlsSettings | undefined {
  const certs = config.tls_server_cert;
  if (certs === undefined || certs === "disabled" || config.tls_server_key === "disabled") return undefined;
  const on = enabledVersions(config.tls_versions);
  const sessionTimeout = Math.min(Math.max(0, config.tls_session_timeout), longestSession);
  const clientCaFile = unlessDisabled(config.tls_client_ca_file);
  const clientCaDir = unlessDisabled(config.tls_client_ca_dir);
  if (config.tls_client_certs === "require" && clientCaFile === undefined && clientCaDir === undefined) {
    throw new Error("tls_client_certs: require needs tls_client_ca_file or tls_client_ca_dir");
  }
  const named = config.tls_ciphers.split(/[:, ]+/);
  return {
    pairs: keyPairs(certs, config.tls_server_key),
    chainFile: unlessDisabled(config.tls_server_ca_file),
    clientCaFile,
    clientCaDir,
    clientCerts: config.tls_client_certs,
    crlFile: unlessDisabled(config.tls_crl_file),
    dhparamFile: unlessDisabled(config.tls_server_dhparam),
    minVersion: on[0]!.version,
    maxVersion: on.at(-1)!.version,
    secureOptions:
      // A client may ask for handshakes without end, each of which costs the server more than the client.
      constants.SSL_OP_NO_RENEGOTIATION |
      versions.filter((entry) => !on.includes(entry)).reduce((bits, { off }) => bits | off, 0) |
      (sessionTimeout === 0 ? constants.SSL_OP_NO_TICKET : 0),
    ciphers: named.some((name) => name.startsWith("TLS_")) ? named.join(":") : `${tls13Ciphers}:${named.join(":")}`,
    // The default of 3.6 names one curve; today's clients offer X25519 first and would need a second round trip.
    curves: config.tls_eccurve === defaultCurve ? "auto" : config.tls_eccurve,
    preferServerCiphers: config.tls_prefer_server_ciphers,
    sessionTimeout,
  };
}

function enabledVersions(list: string): (typeof versions)[number][] {
  const words = list
    .toLowerCase()
    .split(/[\s,:]+/)
    .filter(Boolean);
  for (const word of words) {
    if (!/^(?:ssl[23]|ssl2_0|ssl3_0)$/.test(word) && !versions.some(({ name }) => name === word)) {
      throw new Error(`tls_versions: "${word}" is none of ${versions.map(({ name }) => name).join(", ")}`);
    }
  }
  const on = versions.filter(({ name }) => words.includes(name));
  if (on.length === 0) throw new Error("tls_versions leaves no version enabled");
  return on;
}

/** `RSA,EC` without spaces; keys likewise, or inside the certificate files. */
function keyPairs(certs: string, keys: string | undefined): TlsSettings["pairs"] {
  const certFiles = certs.split(",");
  const keyFiles = keys === undefined ? certFiles : keys.split(",");
  if (certFiles.length > 2 || keyFiles.length !== certFiles.length) {
    throw new Error("tls_server_cert and tls_server_key must name one file each, or two with a comma between");
  }
  return certFiles.map((cert, i) => ({ cert, key: keyFiles[i]! }));
}

function unlessDisabled(value: string | undefined): string | undefined {
  return value === "disabled" || value === "" ? undefined : value;
}
