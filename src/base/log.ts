/** Log lines in syslog form, to /dev/log, stderr or a file. Nothing here ever throws: a full disk must not stop mail. */
import { randomFillSync } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { SyslogSender } from "./syslog.ts";

export type LogFields = Readonly<Record<string, string | number | bigint | undefined>>;
export type LogLevel = "err" | "warning" | "notice" | "info" | "debug";
/** Fields follow the text as ` key=<value>`; undefined ones are left out. Control characters are escaped in both. */
export interface Log {
  err(text: string, fields?: LogFields): void;
  warning(text: string, fields?: LogFields): void;
  notice(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  /** Dropped unless the log was made with `debug`. */
  debug(text: string, fields?: LogFields): void;
}

export interface LogOptions {
  /** The cyrus.conf entry name, or the program's name: `imap`, `master`, `quota`. */
  readonly ident: string;
  /** `syslog_prefix`; the line says `PREFIX/IDENT[pid]`. */
  readonly prefix?: string | undefined;
  /** A syslog facility name in any case; LOCAL6 when absent, as in Cyrus. */
  readonly facility?: string | undefined;
  readonly debug?: boolean | undefined;
  /** "syslog", "stderr" or "file:/path". Without it PASARGAD_LOG decides, else syslog. */
  readonly destination?: string | undefined;
}

const facilities: ReadonlyMap<string, number> = new Map([
  ["KERN", 0],
  ["USER", 1],
  ["MAIL", 2],
  ["DAEMON", 3],
  ["AUTH", 4],
  ["SYSLOG", 5],
  ["LPR", 6],
  ["NEWS", 7],
  ["UUCP", 8],
  ["CRON", 9],
  ["AUTHPRIV", 10],
  ["FTP", 11],
  ...Array.from({ length: 8 }, (_, i) => [`LOCAL${i}`, 16 + i] as const),
]);
const DEFAULT_FACILITY = "LOCAL6";
const severities: Readonly<Record<LogLevel, number>> = { err: 3, warning: 4, notice: 5, info: 6, debug: 7 };
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** syslogd cuts at 8 KiB or earlier; a line that long is a mistake, its beginning says enough. */
const MAX_LINE_CHARACTERS = 8_000;
const SYSLOG_SOCKET = "/dev/log";

export function createLog(options: LogOptions): Log {
  const prefix = options.prefix ?? process.env["CYRUS_SYSLOG_PREFIX"];
  const tag = `${escapeLogText(prefix ? `${prefix}/${options.ident}` : options.ident)}[${process.pid}]`;
  const wanted = options.facility?.toUpperCase().replace(/^LOG_/, "");
  const facility = (wanted === undefined ? undefined : facilities.get(wanted)) ?? facilities.get(DEFAULT_FACILITY)!;
  const sink = openSink(options.destination ?? process.env["PASARGAD_LOG"] ?? "syslog");
  const write = (level: LogLevel, text: string, fields?: LogFields): void => {
    const line = `${tag}: ${formatLogMessage(text, fields)}`.slice(0, MAX_LINE_CHARACTERS);
    sink(facility * 8 + severities[level], line);
  };
  const log: Log = {
    err: (text, fields) => write("err", text, fields),
    warning: (text, fields) => write("warning", text, fields),
    notice: (text, fields) => write("notice", text, fields),
    info: (text, fields) => write("info", text, fields),
    debug: options.debug ? (text, fields) => write("debug", text, fields) : () => undefined,
  };
  if (wanted !== undefined && !facilities.has(wanted)) log.err(`config error: syslog name ${wanted} not recognised`);
  return log;
}

/** A log that goes nowhere. */
export const silentLog: Log = {
  err: () => undefined,
  warning: () => undefined,
  notice: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

/** The text of a line after the identity: `Delivered: id=<x> mailbox=<user.fred>`. */
export function formatLogMessage(text: string, fields?: LogFields): string {
  let line = escapeLogText(text);
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) line += ` ${key}=<${typeof value === "string" ? escapeLogText(value) : value}>`;
  }
  return line;
}

/** CR, LF, NUL and other control characters as `\r`, `\n`, `\0`, `\xHH`: one call is one line, whatever a client sent. */
export function escapeLogText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\r") return "\\r";
    if (char === "\t") return "\\t";
    if (char === "\0") return "\\0";
    const code = char.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

type Sink = (priority: number, line: string) => void;

function openSink(destination: string): Sink {
  if (destination === "stderr") return withDate((line) => quietly(() => writeSync(2, line)));
  if (destination.startsWith("file:")) return withDate(fileWriter(destination.slice("file:".length)));
  const sender = (syslog ??= new SyslogSender(SYSLOG_SOCKET));
  return (priority, line) => sender.send(`<${priority}>${now()} ${line}`);
}
/** One descriptor and one queue for all logs of the process. */
let syslog: SyslogSender | undefined;

function withDate(write: (line: string) => void): Sink {
  return (_priority, line) => write(`${now()} ${line}\n`);
}

/**
 * One write with O_APPEND a line, so that lines of several processes do not mix. Opened anew each second, for logrotate; what is open stays in use where
 * that fails, as it does to a process that opened a file of root's and has become another user since.
 */
function fileWriter(path: string): (line: string) => void {
  const reopenMs = 1_000;
  let fd: number | undefined;
  let openedAt = 0;
  const reopen = (): void => {
    const before = fd;
    fd = openSync(path, "a", 0o600);
    if (before !== undefined) closeSync(before);
  };
  return (line) => {
    const time = performance.now();
    if (fd === undefined || time - openedAt > reopenMs) {
      openedAt = time;
      quietly(reopen);
    }
    if (fd !== undefined) quietly(() => writeSync(fd!, line));
  };
}

let second = 0;
let secondText = "";
/** The date of a line; made once a second. */
function now(): string {
  const time = Math.floor(Date.now() / 1000);
  if (time !== second) {
    second = time;
    secondText = logDate(new Date(time * 1000));
  }
  return secondText;
}

/** `Nov  3 09:05:07`, local time (RFC 3164 §4.1.2). */
export function logDate(date: Date): string {
  const day = String(date.getDate()).padStart(2, " ");
  return `${months[date.getMonth()]} ${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`;
}

function twoDigits(n: number): string {
  return String(n).padStart(2, "0");
}

function quietly(fn: () => void): void {
  try {
    fn();
  } catch {
    // There is no second log to complain to, and losing a line is better than losing a session.
  }
}

/** Makes session ids: `BASE-EPOCH-PID-COUNT-RANDOM`, COUNT from 1 anew each second, RANDOM unsigned 64-bit decimal. */
export function createSessionIds(base: string, now: () => number = Date.now): () => string {
  const MAX_BASE_CHARACTERS = 128;
  const name = escapeLogText(base).slice(0, MAX_BASE_CHARACTERS);
  let second = 0;
  let count = 0;
  // Random octets for many ids at a time: asking for them costs as much for eight as for hundreds.
  const random = Buffer.alloc(512);
  let used = random.length;
  return () => {
    const epoch = Math.floor(now() / 1000);
    count = epoch === second ? count + 1 : 1;
    second = epoch;
    if (used === random.length) {
      randomFillSync(random);
      used = 0;
    }
    used += 8;
    return `${name}-${epoch}-${process.pid}-${count}-${random.readBigUInt64LE(used - 8)}`;
  };
}
