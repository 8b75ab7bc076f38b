import { connect } from "node:net";

/** A daemon that takes longer is stuck; PAM modules with their own delay on failure stay well below. */
export const saslauthdTimeoutMs = 30_000;
/** Replies are a word and perhaps a reason. */
const maxReplyOctets = 1_024;
const maxStringOctets = 65_535;

export interface SaslauthdRequest {
  readonly path: string;
  /** Canonical name; a part after "@" goes out as the realm. */
  readonly userid: string;
  readonly password: string;
  /** SASL service name: `imap`, `pop`, `lmtp`, `sieve`, ... */
  readonly service: string;
  readonly timeoutMs?: number;
}

/** Four counted strings: login, password, service, realm; each with a 2-octet big-endian length in front. */
export function encodeSaslauthdRequest({ userid, password, service }: Omit<SaslauthdRequest, "path">): Buffer {
  const at = userid.indexOf("@");
  const [login, realm] = at < 0 ? [userid, ""] : [userid.slice(0, at), userid.slice(at + 1)];
  const parts: Buffer[] = [];
  for (const text of [login, password, service, realm]) {
    const octets = Buffer.from(text);
    if (octets.length > maxStringOctets) throw new RangeError("a field of a saslauthd request is too long");
    const length = Buffer.alloc(2);
    length.writeUInt16BE(octets.length);
    parts.push(length, octets);
  }
  return Buffer.concat(parts);
}

/** @returns undefined while the reply is not complete */
export function decodeSaslauthdReply(octets: Buffer): { readonly ok: boolean; readonly text: string } | undefined {
  if (octets.length < 2) return undefined;
  const length = octets.readUInt16BE(0);
  if (octets.length < 2 + length) return undefined;
  const text = octets.toString("utf8", 2, 2 + length);
  return { ok: /^OK(?:\s|\0|$)/.test(text), text };
}

/**
 * Asks the daemon, on a connection of its own.
 * @returns whether it said OK
 * @throws when it is not there, says nothing in time, or nonsense
 */
export function askSaslauthd(request: SaslauthdRequest): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const message = encodeSaslauthdRequest(request);
  const socket = connect({ path: request.path });
  let reply: Buffer = Buffer.alloc(0);
  const fail = (reason: string): void => {
    reject(new Error(`saslauthd at ${request.path}: ${reason}`));
    socket.destroy();
  };
  socket.setTimeout(request.timeoutMs ?? saslauthdTimeoutMs, () => fail("no answer in time"));
  socket.on("connect", () => socket.write(message));
  socket.on("data", (octets: Buffer) => {
    reply = Buffer.concat([reply, octets]);
    const decoded = decodeSaslauthdReply(reply);
    if (decoded === undefined) return reply.length > maxReplyOctets ? fail("answer too long") : undefined;
    if (!decoded.ok && !/^NO(?:\s|\0|$)/.test(decoded.text)) return fail("neither OK nor NO");
    resolve(decoded.ok);
    socket.destroy();
  });
  socket.on("error", (error) => fail(error.message));
  socket.on("close", () => fail("closed without an answer"));
  return promise;
}
