/**
 * The one place that loads the C library. Symbols are looked up on first use through the process's global scope, so
 * a missing one is an error only for its caller, and a library put in front with LD_PRELOAD is seen (fault tests).
 */
import koffi, { type LibraryHandle } from "koffi";

/** C types used here. Pointers are Buffers, or null. */
type CType = "int" | "uint" | "long" | "ulong" | "size_t" | "int64" | "void *" | "str";
export type CValue = number | bigint | string | Uint8Array | null;
type Callback = (error: Error | null, result: number) => void;

/** The few words of koffi's function object that we rely on; its own types say `any`. */
interface Foreign {
  (...args: readonly CValue[]): unknown;
  async(...args: readonly (CValue | Callback)[]): void;
}

/** A C function that answers -1 and sets errno when it fails. Results are numbers: sizes here stay below 2^53. */
export interface LibcFunction {
  /** @throws NativeError with `code` (ENOENT, ...), `errno`, `syscall` */
  (...args: readonly CValue[]): number;
  /** The same, but -1 comes back as -1 (then ask `lastErrno` at once): for hot paths on which failing is ordinary. */
  raw(...args: readonly CValue[]): number;
  /** Runs in libuv's thread pool. The arguments must not be changed until it is done. Rejects with NativeError. */
  later(...args: readonly CValue[]): Promise<number>;
}

/** Shaped like Node's own system errors, so one `catch` serves both. */
export class NativeError extends Error {
  readonly code: string;
  /** Negative, as in Node's errors. */
  readonly errno: number;
  readonly syscall: string;
  constructor(syscall: string, errno: number, detail = "") {
    const code = errnoName(errno);
    super(`${code}: ${syscall}${detail && ` ${detail}`}`);
    this.name = "NativeError";
    this.code = code;
    this.errno = -errno;
    this.syscall = syscall;
  }
}

const names = new Map<number, string>();
// EAGAIN and EWOULDBLOCK, ENOTSUP and EOPNOTSUPP share a number on Linux; the first name is the one Node uses.
for (const [name, number] of Object.entries(koffi.os.errno)) {
  if (!names.has(number) || name === "EAGAIN" || name === "EOPNOTSUPP") names.set(number, name);
}

export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}

/** What the last `raw` call of this thread left in errno. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Where a Buffer's octets lie in memory. Valid only while the Buffer is reachable: use it in one synchronous call. */
export function addressOf(octets: Uint8Array): bigint {
  return koffi.address(octets);
}

/** A C function that returns a pointer to a struct or null; `decode` reads the struct before anything else can run. */
export function libcStruct<T>(
  name: string,
  args: readonly CType[],
  decode: (read: StructReader) => T,
): (...args: readonly CValue[]) => T | undefined {
  let foreign: Foreign | undefined;
  return (...values) => {
    foreign ??= resolve(name, "void *", args);
    const pointer = foreign(...values);
    if (pointer === null || pointer === undefined || pointer === 0n) return undefined;
    return decode({
      uint32: (offset) => Number(koffi.decode(pointer, offset, "uint32")),
      text: (offset) => String(koffi.decode(pointer, offset, "str") ?? ""),
    });
  };
}
export interface StructReader {
  uint32(offset: number): number;
  /** The NUL-terminated string that the pointer at `offset` leads to. */
  text(offset: number): string;
}

let library: LibraryHandle | undefined;

function resolve(name: string, result: CType, args: readonly CType[]): Foreign {
  library ??= koffi.load(null);
  return library.func(name, result, [...args]) as Foreign;
}

/** Declares a C function; nothing is looked up before the first call. @throws (when called) where libc lacks it */
export function libc(name: string, result: CType, args: readonly CType[]): LibcFunction {
  let foreign: Foreign | undefined;
  const raw = (...values: readonly CValue[]): number => {
    foreign ??= resolve(name, result, args);
    return Number(foreign(...values));
  };
  const call = (...values: readonly CValue[]): number => {
    const answer = raw(...values);
    if (answer === -1) throw new NativeError(name, koffi.errno());
    return answer;
  };
  const later = (...values: readonly CValue[]): Promise<number> => {
    const { promise, resolve: done, reject } = Promise.withResolvers<number>();
    foreign ??= resolve(name, result, args);
    foreign.async(...values, (error, answer) => {
      // koffi sets errno for the length of this callback to what the call left in its thread.
      if (error) reject(error);
      else if (Number(answer) === -1) reject(new NativeError(name, koffi.errno()));
      else done(Number(answer));
    });
    return promise;
  };
  return Object.assign(call, { raw, later });
}
