/** Process calls that Node lacks: limits, capabilities, process groups, the user database. */
import { libc, libcStruct, NativeError } from "./libc.ts";

const RLIMIT_NOFILE = 7;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_KEEPCAPS = 8;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** Lets a process bind to ports below 1024. */
const CAP_NET_BIND_SERVICE = 10;
const CAPABILITY_VERSION_3 = 0x20080522;

const prlimitCall = libc("prlimit", "int", ["int", "int", "void *", "void *"]);
const prctl = libc("prctl", "int", ["int", "ulong", "ulong", "ulong", "ulong"]);
const capgetCall = libc("capget", "int", ["void *", "void *"]);
const capsetCall = libc("capset", "int", ["void *", "void *"]);
const setpgidCall = libc("setpgid", "int", ["int", "int"]);
const getpgidCall = libc("getpgid", "int", ["int"]);
const setsidCall = libc("setsid", "int", []);
const mallocTrim = libc("malloc_trim", "int", ["size_t"]);

/** Infinity stands for RLIM_INFINITY. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

/** How many descriptors a process may have. `pid` 0 is this process. */
export function getFileLimit(pid = 0): ResourceLimit {
  const limit = Buffer.alloc(16);
  prlimitCall(pid, RLIMIT_NOFILE, null, limit);
  return { soft: limitValue(limit.readBigUInt64LE(0)), hard: limitValue(limit.readBigUInt64LE(8)) };
}

/** @throws NativeError EPERM when it would raise the hard limit without the right to, or change another user's process */
export function setFileLimit({ soft, hard }: ResourceLimit, pid = 0): void {
  const limit = Buffer.alloc(16);
  limit.writeBigUInt64LE(limitOctets(soft), 0);
  limit.writeBigUInt64LE(limitOctets(hard), 8);
  prlimitCall(pid, RLIMIT_NOFILE, limit, null);
}

const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
function limitValue(octets: bigint): number {
  return octets === RLIM_INFINITY ? Infinity : Number(octets);
}
function limitOctets(value: number): bigint {
  return value === Infinity ? RLIM_INFINITY : BigInt(value);
}

/** The permitted capability set of the calling thread as bits. */
export function permittedCapabilities(): bigint {
  const data = Buffer.alloc(24);
  capgetCall(capabilityHeader(), data);
  return BigInt(data.readUInt32LE(4)) | (BigInt(data.readUInt32LE(16)) << 32n);
}

export function mayBindLowPorts(): boolean {
  return (permittedCapabilities() & (1n << BigInt(CAP_NET_BIND_SERVICE))) !== 0n;
}

/**
 * Leaves the calling thread CAP_NET_BIND_SERVICE, if it has that, and nothing else. Programs it starts get none, unless
 * `inherit`. Capabilities belong to threads: libuv's and V8's keep theirs, so this goes together with a change of user,
 * which takes them from all threads.
 */
export function keepOnlyBindCapability({ inherit = false } = {}): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const kept = mayBindLowPorts() ? 1 << CAP_NET_BIND_SERVICE : 0;
  const data = Buffer.alloc(24); // two of { effective, permitted, inheritable }: capabilities 0-31 and 32-63
  data.writeUInt32LE(kept, 0);
  data.writeUInt32LE(kept, 4);
  data.writeUInt32LE(inherit ? kept : 0, 8);
  capsetCall(capabilityHeader(), data);
  if (inherit && kept !== 0) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
}

function capabilityHeader(): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(CAPABILITY_VERSION_3);
  return header;
}

export interface UserIdentity {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** struct passwd: name *, password *, uid u32, gid u32, gecos *, home *, shell *. */
export const findUser: (name: string) => UserIdentity | undefined = libcStruct("getpwnam", ["str"], decodeUser);
export const findUserById: (uid: number) => UserIdentity | undefined = libcStruct("getpwuid", ["uint"], decodeUser);

function decodeUser(read: { uint32(offset: number): number; text(offset: number): string }): UserIdentity {
  return { name: read.text(0), uid: read.uint32(16), gid: read.uint32(20), home: read.text(32) };
}

/** struct group: name *, password *, gid u32. */
export const findGroup: (name: string) => { readonly name: string; readonly gid: number } | undefined = libcStruct(
  "getgrnam",
  ["str"],
  (read) => ({ name: read.text(0), gid: read.uint32(16) }),
);

/**
 * Becomes `user` for good, in all threads: supplementary groups, gid, uid, in this order. With `keepBind` the calling
 * thread keeps CAP_NET_BIND_SERVICE, and only that. Needs root. @throws when any step fails; the process must then end.
 */
export function becomeUser(user: UserIdentity, gid = user.gid, { keepBind = false } = {}): void {
  if (keepBind) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  // Node has it, its type declarations do not.
  (process as unknown as { initgroups(user: string, gid: number): void }).initgroups(user.name, gid);
  process.setgid!(gid);
  process.setuid!(user.uid);
  if (process.getuid!() !== user.uid || process.geteuid!() !== user.uid || process.getegid!() !== gid) {
    throw new Error(`could not become user ${user.name}`);
  }
  if (keepBind) keepOnlyBindCapability();
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); // a change of user clears it, and with it core dumps and our own /proc entries
}

/** Has the kernel send `signal` to this process when the thread that started it ends. */
export function signalOnParentDeath(signal: number): void {
  prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

export function processGroupOf(pid = 0): number {
  return getpgidCall(pid);
}
export function setProcessGroup(pid: number, group: number): void {
  setpgidCall(pid, group);
}
/** A new session without a terminal. @throws NativeError EPERM for a leader of a process group */
export function newSession(): void {
  setsidCall();
}

/**
 * Gives memory that malloc holds for later back to the system, in the thread pool. Where libc cannot (musl) nothing happens.
 * @returns whether some was given back
 */
export async function trimMemory(): Promise<boolean> {
  try {
    return (await mallocTrim.later(0)) === 1;
  } catch (error) {
    if (error instanceof NativeError || !(error instanceof Error)) throw error;
    return false;
  }
}
