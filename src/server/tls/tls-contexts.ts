import { createHash, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocketOptions } from "node:tls";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/index.ts";
import { type TicketKey, TicketKeys } from "./ticket-keys.ts";
import { type TlsSettings, tlsSettings } from "./tls-settings.ts";

/** How often certificate files are looked at for changes. */
const recheckMs = 10_000;
/** Certificates of a chain beyond which something is wrong. */
const maxChain = 10;

/** Where the ticket key lies: beside the session database of Cyrus, a place that administrators keep on tmpfs. */
export function ticketKeyPath(config: Config): string {
  const database = config.tls_sessions_db_path ?? join(config.configdirectory, "tls_sessions.db");
  return join(dirname(database), "tls_tickets.key");
}

/** The server side of TLS for one service: its context, made anew when files or the ticket key change. */
export class TlsContexts {
  readonly #settings: TlsSettings;
  readonly #tickets: TicketKeys | undefined;
  readonly #log: Log;
  readonly #now: () => number;
  #context: SecureContext;
  #stamp: string;
  #ticketKey: TicketKey | undefined;
  #checked: number;

  /** @throws when certificates or keys cannot be used */
  constructor(settings: TlsSettings, options: { log: Log; tickets?: TicketKeys | undefined; now?: () => number }) {
    this.#settings = settings;
    this.#log = options.log;
    this.#tickets = settings.sessionTimeout > 0 ? options.tickets : undefined;
    this.#now = options.now ?? (() => performance.now());
    this.#ticketKey = this.#tickets?.current();
    this.#stamp = filesStamp(settings);
    this.#context = makeContext(settings, this.#ticketKey);
    warnOfOpenKeys(settings, this.#log);
    this.#checked = this.#now();
  }

  /** @returns undefined when TLS is not configured. @throws when it is, wrongly */
  static fromConfig(config: Config, log: Log): TlsContexts | undefined {
    const settings = tlsSettings(config);
    if (settings === undefined) return undefined;
    const tickets = new TicketKeys({ path: ticketKeyPath(config), lifetimeSeconds: settings.sessionTimeout, log });
    return new TlsContexts(settings, { log, tickets });
  }

  /** For a new TLS socket. Files that changed into something unusable are reported, and the old ones stay in use. */
  serverOptions(): TLSSocketOptions {
    const now = this.#now();
    if (now - this.#checked >= recheckMs) {
      this.#checked = now;
      this.#refresh();
    }
    const { clientCerts, clientCaDir, clientCaFile } = this.#settings;
    const requestCert = clientCerts !== "off" && (clientCaFile !== undefined || clientCaDir !== undefined);
    return { secureContext: this.#context, requestCert, rejectUnauthorized: requestCert && clientCerts === "require" };
  }

  #refresh(): void {
    const key = this.#tickets?.current();
    const stamp = filesStamp(this.#settings);
    if (stamp === this.#stamp && key === this.#ticketKey) return;
    try {
      this.#context = makeContext(this.#settings, key);
      this.#ticketKey = key;
      if (stamp !== this.#stamp) {
        this.#log.notice("TLS certificates read again");
        warnOfOpenKeys(this.#settings, this.#log);
      }
    } catch (error) {
      this.#log.err(`TLS certificates changed and cannot be used, keeping the old ones: ${(error as Error).message}`);
    }
    this.#stamp = stamp;
  }
}

/** A group may read a key that is another user's: that is how Debian's group ssl-cert works, and how the server gets at it. */
function warnOfOpenKeys({ pairs }: TlsSettings, log: Log): void {
  for (const { key } of pairs) {
    const { mode, uid } = statSync(key);
    const tooMuch = uid === process.geteuid!() ? 0o077 : 0o027;
    if ((mode & tooMuch) === 0) continue;
    const text = (mode & 0o7777).toString(8).padStart(4, "0");
    log.warning(
      `tls_server_key: ${key} is open to other users (mode ${text}); make it 0600, or 0640 with a group of its own`,
    );
  }
}

function filesStamp(settings: TlsSettings): string {
  const { pairs, chainFile, clientCaFile, clientCaDir, crlFile, dhparamFile } = settings;
  const paths = [
    ...pairs.flatMap(({ cert, key }) => [cert, key]),
    chainFile,
    clientCaFile,
    clientCaDir,
    crlFile,
    dhparamFile,
  ];
  return paths
    .map((path) => {
      const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? "" : `${stat.ino}/${stat.mtimeMs}/${stat.size}`;
    })
    .join(" ");
}

function makeContext(settings: TlsSettings, ticketKey: TicketKey | undefined): SecureContext {
  const { pairs, chainFile, clientCaFile, clientCaDir, crlFile, dhparamFile } = settings;
  const chain = chainFile === undefined ? [] : certificatesIn(readFileSync(chainFile, "latin1"));
  const ca = [
    ...(clientCaFile === undefined ? [] : [readFileSync(clientCaFile)]),
    ...(clientCaDir === undefined ? [] : readDirectory(clientCaDir)),
  ];
  const certs = pairs.map(({ cert }) => completeChain(readFileSync(cert, "latin1"), chain));
  const options: SecureContextOptions = {
    cert: certs,
    key: pairs.map(({ key }) => readFileSync(key)),
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    secureOptions: settings.secureOptions,
    ciphers: settings.ciphers,
    ecdhCurve: settings.curves,
    honorCipherOrder: settings.preferServerCiphers,
    // Sessions made under other certificates must not be resumed: 32 octets that name them.
    sessionIdContext: createHash("sha256").update(certs.join("")).digest("hex").slice(0, 32),
  };
  // A list of authorities, even an empty one, replaces node's own, and clients must not be judged by those.
  options.ca = ca;
  if (crlFile !== undefined) options.crl = readFileSync(crlFile);
  options.dhparam = dhparamFile === undefined ? "auto" : readFileSync(dhparamFile);
  if (settings.sessionTimeout > 0) options.sessionTimeout = settings.sessionTimeout;
  if (ticketKey !== undefined) options.ticketKeys = ticketKey.octets;
  return createSecureContext(options);
}

function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** A file with the certificate alone gets its issuers from the CA file, up to but without the root. */
function completeChain(pem: string, authorities: readonly string[]): string {
  const own = certificatesIn(pem);
  if (own.length !== 1 || authorities.length === 0) return pem;
  const known = authorities.map((text) => ({ text, certificate: new X509Certificate(text) }));
  const chain = [pem.trimEnd()];
  let last = new X509Certificate(own[0]!);
  for (let i = 0; i < maxChain && !last.checkIssued(last); i++) {
    const issuer = known.find(({ certificate }) => last.checkIssued(certificate));
    if (issuer === undefined || issuer.certificate.checkIssued(issuer.certificate)) break;
    chain.push(issuer.text);
    last = issuer.certificate;
  }
  return `${chain.join("\n")}\n`;
}

/** Every certificate of a directory as c_rehash fills it; the hash names are links to the same files. */
function readDirectory(path: string): Buffer[] {
  return readdirSync(path)
    .filter((name) => /\.(?:pem|crt|cer)$|^[0-9a-f]{8}\.\d+$/.test(name))
    .map((name) => readFileSync(join(path, name)));
}
