/** Figures on the way in and out, by hand: `node src/formats/imap/imap.bench.ts`. Not a test. */
import {
  ChunkPool,
  CommandReader,
  defaultLimits,
  FetchLine,
  flagsPiece,
  flagsUidLine,
  flagsUidPiece,
  ListPattern,
  parseFetch,
  parseSearch,
  parseStore,
  ResponseWriter,
  SEEN,
  type Arguments,
  tagged,
} from "./index.ts";

/** Prints the best of seven rounds, in microseconds of CPU for one. */
function measure(name: string, count: number, run: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / count);
  }
  console.log(`${name.padEnd(52)} ${best.toFixed(3)} us`);
}

function command(text: string, parse: (args: Arguments) => unknown): () => void {
  const octets = Buffer.from(`a12 ${text}\r\n`);
  const reader = new CommandReader(defaultLimits);
  return () => {
    reader.push(octets);
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.kind === "command") parse(event.args);
    }
  };
}

const commands: [string, (args: Arguments) => unknown][] = [
  ["NOOP", (args) => args.end()],
  ["FETCH 1:* (UID FLAGS)", parseFetch],
  ["FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)])", parseFetch],
  ["STORE 1:3 +FLAGS.SILENT (\\Seen $Label1)", parseStore],
  ["SEARCH UNSEEN OR FROM fred SUBJECT lunch SINCE 1-Jan-2022", parseSearch],
];
for (const [text, parse] of commands) measure(text.slice(0, 50), 100_000, command(text, parse));

const pool = new ChunkPool();
const out = new ResponseWriter((chunk) => pool.release(chunk), pool);
const piece = flagsUidPiece(SEEN, ["$Junk"]);
let seqno = 0;
measure("line of FETCH (FLAGS UID)", 1_000_000, () =>
  flagsUidLine(out, 1 + (++seqno % 50_000), piece, 100_000 + seqno),
);
const line = new FetchLine(out);
const flags = flagsPiece(SEEN, []);
measure("line of FETCH (FLAGS UID INTERNALDATE RFC822.SIZE)", 200_000, () => {
  line.begin(++seqno);
  line.piece(flags);
  line.number("UID", seqno);
  line.date("INTERNALDATE", 1_644_299_545 + seqno, 60);
  line.number("RFC822.SIZE", 1701);
  line.end();
});
out.flush();
measure("tagged OK, flushed", 200_000, () => {
  tagged(out, "a12", "OK Completed");
  out.flush();
});
const pattern = new ListPattern("INBOX/%", "/");
measure("LIST pattern on one name", 500_000, () => pattern.matches("INBOX/Archive/2024", true));
