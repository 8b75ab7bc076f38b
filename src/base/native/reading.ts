/** Reading small files in great numbers: each of these is one call into the C library and makes no garbage. */
import { addressOf, lastErrno, libc, NativeError } from "./libc.ts";

const O_CLOEXEC = 0o2000000;
const RWF_NOWAIT = 8;
const ENOENT = 2;
const EAGAIN = 11;
const ENOSYS = 38;
const EOPNOTSUPP = 95;

const open = libc("open", "int", ["str", "int"]);
const preadv2 = libc("preadv2", "long", ["int", "void *", "int", "int64", "int"]);

/** Opens a file for reading, close-on-exec; undefined when there is none. `closeDescriptor` closes it. @throws NativeError */
export function openIfThere(path: string): number | undefined {
  // The C library's string would end at a NUL, and name another file.
  if (path.includes("\0")) throw new RangeError("a path with a NUL");
  const fd = open.raw(path, O_CLOEXEC);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  if (errno === ENOENT) return undefined;
  throw new NativeError("open", errno, path);
}

const iovec = Buffer.alloc(16);
/** Of the Buffer read into last: it stays reachable, so that its address stays right. */
let lastInto: Uint8Array | undefined;
let lastAddress = 0;

/**
 * Reads what the page cache has into `into` from octet `start` on, at most `length` octets, without touching the disk: the number of octets read (fewer
 * than asked when only the beginning is cached, 0 at the end of the file), or undefined when a read would wait or this filesystem cannot tell.
 * Quickest for one Buffer again and again.
 */
export function readCached(
  fd: number,
  into: Uint8Array,
  position: number,
  start = 0,
  length = into.length - start,
): number | undefined {
  if (start < 0 || length < 0 || start + length > into.length) throw new RangeError("a read beyond its buffer");
  if (into !== lastInto) {
    lastAddress = Number(addressOf(into));
    lastInto = into;
  }
  const address = lastAddress + start;
  const high = Math.floor(address / 0x1_0000_0000);
  iovec.writeUInt32LE(address - high * 0x1_0000_0000, 0);
  iovec.writeUInt32LE(high, 4);
  iovec.writeUInt32LE(length, 8);
  const count = preadv2.raw(fd, iovec, 1, position, RWF_NOWAIT);
  if (count >= 0) return count;
  const errno = lastErrno();
  if (errno === EAGAIN || errno === EOPNOTSUPP || errno === ENOSYS) return undefined;
  throw new NativeError("preadv2", errno);
}
