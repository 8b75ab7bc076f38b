/** Puts one message into a real Cyrus and compares what it says about it with what we say, octet by octet. */
import {
  cacheHeaderFields,
  cacheHeaderFieldsRoom,
  cacheItem,
  cachePart,
  cachePartAt,
  cacheSection,
  checkMessage,
  decodeTransfer,
  FieldSet,
  headerFields,
  munge8bit,
  type SectionKind,
  scanMessage,
} from "../../src/formats/mime/index.ts";
import type { ImapConnection } from "../peers/wire.ts";

export interface Difference {
  readonly item: string;
  readonly cyrus: string;
  readonly ours: string;
}

/** Cyrus's words for our faults, as in `NO Message contains ...`. */
const refusals = {
  containsNul: "Message contains NUL characters",
  bareNewlines: "Message contains bare newlines",
  nonAsciiHeader: "Message contains non-ASCII characters in headers",
  invalidHeader: "Message contains invalid header",
} as const;

const fieldSets: readonly (readonly [string, FieldSet])[] = [
  ["HEADER.FIELDS (SUBJECT FROM TO CC)", new FieldSet(["Subject", "From", "To", "Cc"])],
  ["HEADER.FIELDS (RECEIVED X-NOSUCH)", new FieldSet(["Received", "X-NoSuch"])],
  ["HEADER.FIELDS (References Content-Type DATE)", new FieldSet(["References", "Content-Type", "Date"])],
  ["HEADER.FIELDS.NOT (RECEIVED)", new FieldSet(["Received"], true)],
  ["HEADER.FIELDS.NOT (SUBJECT DATE FROM)", new FieldSet(["Subject", "Date", "From"], true)],
];

/** More parts than this are not asked for one by one. */
const maxPaths = 60;

/** @param message is changed as APPEND changes it */
export async function compare(imap: ImapConnection, message: Buffer): Promise<Difference[]> {
  const fault = message.length === 0 ? undefined : checkMessage(message);
  const { status } = await imap.command("APPEND INBOX ~LITERAL~", message);
  const refusal = fault === undefined ? "OK" : `NO ${refusals[fault]}`;
  if (!status.startsWith(refusal)) return [{ item: "APPEND", cyrus: status, ours: refusal }];
  if (fault !== undefined) return [];
  munge8bit(message);
  const uid = /APPENDUID \d+ (\d+)/.exec(status)?.[1] ?? "0";
  const differences: Difference[] = [];
  const items: string[] = [];
  const expected: string[] = [];
  const check = (item: string, ours: string): void => {
    items.push(item);
    expected.push(ours);
  };
  const { cache, size } = scanMessage(message);
  const range = { start: 0, end: 0 };
  const text = (octets: Buffer): string =>
    octets.length === 0 ? '""' : `{${octets.length}}\r\n${octets.toString("latin1")}`;
  for (const item of ["ENVELOPE", "BODYSTRUCTURE", "BODY"] as const) {
    cacheItem(cache, 0, item, range);
    check(item, cache.toString("latin1", range.start, range.end));
  }
  check("RFC822.SIZE", String(size));
  const section = (path: string, kind: SectionKind): string =>
    cacheSection(cache, 0, path, kind, range) ? text(message.subarray(range.start, range.end)) : "NIL";
  check("BODY[HEADER]", section("", "HEADER"));
  check("BODY[TEXT]", section("", "TEXT"));
  for (const path of paths(cache)) {
    for (const kind of ["BODY", "MIME", "HEADER", "TEXT"] as const) {
      check(kind === "BODY" ? `BODY[${path}]` : `BODY[${path}.${kind}]`, section(path, kind));
    }
  }
  for (const path of paths(cache)) {
    const part = cachePartAt(cache, 0, path);
    if (part === undefined || (part.kind !== "leaf" && part.kind !== "text")) continue;
    const decoded = decodeTransfer(message.subarray(part.bodyStart, part.bodyEnd), part.encoding);
    // What cannot be decoded is refused, and the words for that are the protocol's. Cyrus says "NO No matching messages"
    // for some empty parts, an answer that is not copied.
    if (decoded !== undefined && decoded.length > 0) check(`BINARY[${path}]`, text(decoded));
  }
  cacheSection(cache, 0, "", "HEADER", range);
  const header = message.subarray(range.start, range.end);
  const room = Buffer.alloc(cacheHeaderFieldsRoom(cache));
  for (const [name, set] of fieldSets) {
    const ours = headerFields(header, set);
    const end = cacheHeaderFields(cache, 0, set, room, 0);
    if (end >= 0 && !room.subarray(0, end).equals(ours)) {
      differences.push({
        item: `cached ${name}`,
        cyrus: room.toString("latin1", 0, end),
        ours: ours.toString("latin1"),
      });
    }
    check(`BODY[${name}]`, text(ours));
  }
  const commands = items.map((item) => `UID FETCH ${uid} ${item.replace(/^(BODY|BINARY)\[/, "$1.PEEK[")}`);
  const answers = await imap.pipeline(commands);
  items.forEach((item, i) => {
    const { untagged, status: completion } = answers[i]!;
    const line = untagged.find((answer) => /^\* \d+ FETCH /.test(answer)) ?? completion;
    const body = line.replace(/^\* \d+ FETCH \((?:FLAGS \([^)]*\) )?/, "").replace(`UID ${uid} `, "");
    // The section is repeated as the client wrote it, or nearly; what counts is what follows.
    const section = /^(?:BODY|BINARY)\[[^\]]*\] ~?/.exec(body);
    const cyrus = section && item.includes("[") ? body.slice(section[0].length) : body.slice(item.length + 1);
    const ours = `${expected[i]})`;
    if (cyrus !== ours) differences.push({ item, cyrus, ours });
  });
  return differences;
}

/** Paths of all parts, and of some that should not exist. */
function paths(cache: Buffer): string[] {
  const found = new Set(["1", "2", "1.1", "1.1.1"]);
  const visit: (readonly [number, string])[] = [[0, ""]];
  for (let next = visit.pop(); next !== undefined && found.size < maxPaths; next = visit.pop()) {
    const [index, path] = next;
    const part = cachePart(cache, 0, index);
    for (let i = 0; i < part.childCount; i++) {
      const child = part.kind === "multipart" ? `${path}${path && "."}${i + 1}` : path;
      if (child !== "") found.add(child);
      visit.push([part.firstChild + i, child]);
    }
    if (part.kind === "multipart") found.add(`${path}${path && "."}${part.childCount + 1}`);
    else if (path !== "") found.add(`${path}.1`);
    else found.add("1.2");
  }
  return [...found];
}
