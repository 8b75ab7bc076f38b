/**
 * What programs and idled send each other, as Cyrus 3.6 does on 64-bit little-endian machines:
 *
 *     0       8                 8+n
 *     +-------+-----------------+-----+
 *     | which | name, n octets  | NUL |      which: unsigned long; name: 1 to 1023 octets
 *     +-------+-----------------+-----+
 */

export const idleKinds = ["init", "done", "notify", "noop", "alert"] as const;
/**
 * init: the sender waits for changes of the mailbox. done: no longer. notify: it changed. noop: nothing. alert: look whether
 * the server is shutting down; its name is ".".
 */
export type IdleKind = (typeof idleKinds)[number];

export interface IdleMessage {
  readonly kind: IdleKind;
  /** Internal name of a mailbox, `user.fred.Sent`; Latin-1, one character for each octet. */
  readonly name: string;
}

const HEAD_OCTETS = 8;
/** Cyrus's buffer for the name has 1024 octets, its NUL included. */
export const MAX_NAME_OCTETS = 1_023;
export const MAX_DATAGRAM_OCTETS = HEAD_OCTETS + MAX_NAME_OCTETS + 1;

/** @throws RangeError for a name that does not fit, or holds NUL */
export function encodeIdle({ kind, name }: IdleMessage): Buffer {
  if (name.length === 0 || name.length > MAX_NAME_OCTETS || name.includes("\0"))
    throw new RangeError("no mailbox name");
  const octets = Buffer.alloc(HEAD_OCTETS + name.length + 1);
  octets.writeUInt32LE(idleKinds.indexOf(kind));
  octets.write(name, HEAD_OCTETS, "latin1");
  return octets;
}

/** @returns undefined for what is no such datagram: too short or long, without NUL at the end and only there, of no known kind */
export function decodeIdle(octets: Buffer): IdleMessage | undefined {
  const end = octets.length - 1;
  if (end <= HEAD_OCTETS || octets.length > MAX_DATAGRAM_OCTETS || octets.indexOf(0, HEAD_OCTETS) !== end)
    return undefined;
  const kind = octets.readUInt32LE(4) === 0 ? idleKinds[octets.readUInt32LE()] : undefined;
  return kind && { kind, name: octets.toString("latin1", HEAD_OCTETS, end) };
}
