/**
 * CRC32 over texts made of decimal numbers and fixed pieces, without making the text: by the linearity of CRC32 the register after text T of n octets is
 * `shift(register, n) ^ fromZero(T)`, where `fromZero` is the register that T leaves when it begins at 0. Registers are unsigned 32-bit numbers; a CRC is
 * the complement of the register that began at REGISTER_INIT.
 */
const POLYNOMIAL = 0xedb88320;
export const REGISTER_INIT = 0xffffffff;

const octetTable = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
  octetTable[n] = c >>> 0;
}

/** For each length in octets: four tables of 256 that advance a register over so many zero octets, an octet of it at a time. */
const shifts: Uint32Array[] = [];

export function shiftTables(length: number): Uint32Array {
  let tables = shifts[length];
  if (tables) return tables;
  tables = new Uint32Array(1024);
  for (let octet = 0; octet < 4; octet++) {
    for (let value = 0; value < 256; value++) {
      let register = (value << (8 * octet)) >>> 0;
      for (let n = 0; n < length; n++) register = octetTable[register & 0xff]! ^ (register >>> 8);
      tables[octet * 256 + value] = register;
    }
  }
  shifts[length] = tables;
  return tables;
}

export function shift(register: number, tables: Uint32Array): number {
  return (
    (tables[register & 0xff]! ^
      tables[256 + ((register >>> 8) & 0xff)]! ^
      tables[512 + ((register >>> 16) & 0xff)]! ^
      tables[768 + (register >>> 24)]!) >>>
    0
  );
}

export function addOctet(register: number, octet: number): number {
  return (octetTable[(register ^ octet) & 0xff]! ^ (register >>> 8)) >>> 0;
}

/** A fixed piece of ASCII text. */
export interface FixedText {
  readonly fromZero: number;
  readonly shift: Uint32Array;
}

export function fixedText(text: string): FixedText {
  let fromZero = 0;
  for (let n = 0; n < text.length; n++) fromZero = addOctet(fromZero, text.charCodeAt(n));
  return { fromZero, shift: shiftTables(text.length) };
}

export function addFixed(register: number, text: FixedText): number {
  return (shift(register, text.shift) ^ text.fromZero) >>> 0;
}

const by1 = shiftTables(1);
const by2 = shiftTables(2);
const by3 = shiftTables(3);
const by4 = shiftTables(4);
/** `fromZero` of the numbers below 10,000, as they are and with leading zeros. */
const natural = Uint32Array.from({ length: 10_000 }, (_, n) => fixedText(String(n)).fromZero);
const padded = Uint32Array.from({ length: 10_000 }, (_, n) => fixedText(String(n).padStart(4, "0")).fromZero);

/** Adds the decimal digits of n, a whole number from 0 to 2^53 - 1. */
export function addNumber(register: number, n: number): number {
  if (n < 10_000) {
    const tables = n < 100 ? (n < 10 ? by1 : by2) : n < 1_000 ? by3 : by4;
    return (shift(register, tables) ^ natural[n]!) >>> 0;
  }
  const high = n < 0x7fffffff ? (n / 10_000) | 0 : Math.floor(n / 10_000);
  return (shift(addNumber(register, high), by4) ^ padded[n - high * 10_000]!) >>> 0;
}

const hexDigits = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Adds octets as lower-case hexadecimal digits. */
export function addHex(register: number, octets: Uint8Array): number {
  let r = register;
  for (const octet of octets) r = addOctet(addOctet(r, hexDigits[octet >>> 4]!), hexDigits[octet & 15]!);
  return r;
}
