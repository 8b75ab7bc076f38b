import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type Arguments,
  CommandReader,
  defaultLimits,
  ImapLimitError,
  type ImapLimits,
  ImapSyntaxError,
  LITERAL_MINUS_OCTETS,
  limitsOf,
  literalIsAppendMailbox,
  MAX_COMMAND_OCTETS,
  parseAppendMailbox,
  parseAppendOptions,
  parseFetch,
  preLoginLimits,
} from "./index.ts";

/**
 * What a simple server would do with these octets: one line for each event. Commands show their tokens; `a +` is a
 * go-ahead. APPEND's messages are streamed, other literals gathered, FROB's refused.
 */
function serve(input: string | Buffer, cuts: readonly number[] = [], limits: ImapLimits = defaultLimits): string[] {
  const octets = typeof input === "string" ? Buffer.from(input, "latin1") : input;
  const reader = new CommandReader(limits);
  const log: string[] = [];
  let streamed = "";
  let from = 0;
  try {
    for (const to of [...cuts, octets.length]) {
      reader.push(octets.subarray(from, to));
      from = to;
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        switch (event.kind) {
          case "command":
            log.push(show(event.args));
            break;
          case "octets":
            streamed += event.octets.toString("latin1");
            break;
          case "literalEnd":
            log.push(`message ${streamed}`);
            streamed = "";
            break;
          case "literal":
            try {
              if (event.args.verb === "FROB") {
                reader.refuse();
                log.push(`${event.args.tag} refused`);
                break;
              }
              if (event.args.verb === "APPEND" && !literalIsAppendMailbox(event.args)) reader.stream();
              else reader.gather();
              if (event.sync) log.push(`${event.args.tag} +`);
            } catch (error) {
              if (!(error instanceof ImapLimitError) || error.answer === "BYE") throw error;
              log.push(`${event.args.tag} NO ${error.message}`);
            }
        }
      }
    }
  } catch (error) {
    if (!(error instanceof ImapLimitError)) throw error;
    log.push(`${error.answer} ${error.message}`);
  }
  if (reader.atRest) log.push("rest");
  return log;
}

function show(args: Arguments): string {
  const tokens: string[] = [];
  while (!args.atEnd()) {
    const token = args.take();
    if (token.kind === "atom") tokens.push(token.text);
    else if (token.kind === "quoted") tokens.push(JSON.stringify(token.text));
    else if (token.kind === "literal") tokens.push(`{${token.text}}`);
    else if (token.kind === "streamed") tokens.push(`<${token.sizeOctets}>`);
    else tokens.push({ open: "(", close: ")", space: " ", eol: "", invalid: "!" }[token.kind]);
  }
  return `${args.tag ?? "*"} ${args.verb}${tokens.join("")}`;
}

const cases: readonly [string, readonly string[]][] = [
  ["a NOOP\r\n", ["a NOOP", "rest"]],
  ["a noop\nb noop\n", ["a NOOP", "b NOOP", "rest"]],
  ["a NOOP\r\nb NO", ["a NOOP"]],
  ['a LOGIN joe "se\\"cr\\\\et"\r\n', ['a LOGIN joe "se\\"cr\\\\et"', "rest"]],
  ["a LOGIN {3}\r\njoe {0+}\r\n\r\n", ["a +", "a LOGIN {joe} {}", "rest"]],
  ["a FETCH 1:* (BODY[HEADER.FIELDS (X)]<0.1> UID)\r\n", ["a FETCH 1:* (BODY[HEADER.FIELDS (X)]<0.1> UID)", "rest"]],
  ["a APPEND x (\\Seen) {4}\r\na\r\nb\r\n", ["a +", "message a\r\nb", "a APPEND x (\\Seen) <4>", "rest"]],
  [
    "a APPEND {1+}\r\nx {2+}\r\nhi ~{2+}\r\n\0\0\r\nb NOOP\r\n",
    ["message hi", "message \0\0", "a APPEND {x} <2> <2>", "b NOOP", "rest"],
  ],
  ["a APPEND x {0+}\r\n\r\n", ["message ", "a APPEND x <0>", "rest"]],
  ["a FROB {9}\r\nb NOOP\r\n", ["a refused", "b NOOP", "rest"]],
  ["a FROB {9+}\r\nb NOOP\r\n {2+}\r\n\r\n rest\r\nc NOOP\r\n", ["a refused", "c NOOP", "rest"]],
  ["a FROB {1+}\r\nx {9}\r\nc NOOP\r\n", ["a refused", "c NOOP", "rest"]],
  // Junk is a token of its own: the command is wrong, what follows it on the wire is not touched.
  ['a X \xe9 "cut\r\nb NOOP\r\n', ["a X ! !", "b NOOP", "rest"]],
  ["a X {x}\r\nb NOOP\r\n", ["a X !x}", "b NOOP", "rest"]],
  ["a X {}\r\na X {1+\r\n{+}\r\n", ["a X !}", "a X !", "* !+}", "rest"]],
  ["a X a\rb\r\n", ["a X a!b", "rest"]],
  ['a X a\0b "x\0y"\r\n', ["a X a!b !y!", "rest"]],
  ["\r\n\r\nba(d NOOP\r\n* NOOP\r\na\r\na \r\n", ["* ", "* ", "* ba(d NOOP", "* * NOOP", "* a", "a ", "rest"]],
  ["~ ~a ~{1+}\r\nx\r\n", ["~ ~A {x}", "rest"]],
];

test("commands, literals and junk, whole and octet by octet", () => {
  for (const [input, expected] of cases) {
    const show = JSON.stringify(input);
    const every = Array.from({ length: input.length }, (_, i) => i);
    const got = (log: string[]): string[] => (expected.at(-1) === "rest" ? log : log.filter((line) => line !== "rest"));
    assert.deepEqual(got(serve(input)), expected, show);
    assert.deepEqual(got(serve(input, every)), expected, `${show}, octet by octet`);
  }
});

test("any split gives the same events", () => {
  const piece = fc.constantFrom(...cases.map(([input]) => input), "{", "~", '"', "\\", "\r", "a ", "{5+}\r\n", "x\r\n");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.array(fc.nat(200)), (pieces, numbers) => {
      const input = pieces.join("");
      const cuts = [...new Set(numbers.filter((cut) => cut < input.length))].sort((a, b) => a - b);
      assert.deepEqual(serve(input, cuts), serve(input));
    }),
    { numRuns: 300 },
  );
});

function bye(input: string, limits?: ImapLimits): string {
  return serve(input, [], limits).join("|");
}

test("limits: which answer, and whether the session goes on", () => {
  const word = "x".repeat(131_072);
  assert.equal(bye(`a X ${word}\r\n`), `a X ${word}|rest`);
  assert.equal(bye(`a X ${word}x\r\n`), "BYE [TOOBIG] Word too long");
  assert.equal(bye(`a X ${word}${word}`), "BYE [TOOBIG] Word too long");
  assert.equal(bye(`a X "${word}x"\r\n`), "BYE [TOOBIG] Quoted value too long");
  assert.equal(bye(`a X "${word}x\r\n`), "BYE [TOOBIG] Quoted value too long");
  assert.equal(
    bye("a SELECT {131073}\r\nb NOOP\r\n"),
    "a NO [TOOBIG] Literal size exceeds fixed limit in Select|b NOOP|rest",
  );
  assert.equal(bye("a SELECT {131073+}\r\nb NOOP\r\n"), "BYE [TOOBIG] Literal size exceeds fixed limit");
  assert.equal(bye("a X {99999999999}\r\n"), "BYE Fatal error: num too big");
  assert.equal(bye(`a APPEND x {4294967295+}\r\n`), "");
  assert.equal(
    bye(`a X ${"(".repeat(9000)}\r\n`, preLoginLimits),
    "BYE [TOOBIG] Command arguments total size exceeds fixed limit",
  );
  assert.match(bye(`a X ${"(".repeat(100_001)}\r\n`), /^BYE/);
  assert.match(bye("a LOGIN {4097}\r\n", preLoginLimits), /^a NO \[TOOBIG\] Literal/);
  assert.match(bye("a LOGIN {4096+}\r\n{4096+}\r\n".repeat(3), preLoginLimits), /^$/);
  const minus = { ...defaultLimits, maxNonSyncOctets: LITERAL_MINUS_OCTETS };
  assert.equal(bye("a APPEND x {4097+}\r\n", minus), "BYE [TOOBIG] Non-synchronizing literal size exceeds 4K");
  assert.equal(bye("a APPEND x {4097}\r\n", minus), "a +");
  // Octets of streamed messages do not count as arguments.
  const message = "m".repeat(10_000);
  assert.match(
    bye(`a APPEND x {10000+}\r\n${message}\r\n`, { ...preLoginLimits, maxLiteralOctets: 1 }),
    /<10000>\|rest$/,
  );
});

test("lines outside of commands: SASL answers and DONE", () => {
  const reader = new CommandReader(defaultLimits);
  reader.push(Buffer.from("DO"));
  assert.equal(reader.nextLine(10), undefined);
  reader.push(Buffer.from("NE\r\nAGEA\nrest"));
  assert.equal(reader.nextLine(10), "DONE");
  assert.equal(reader.nextLine(10), "AGEA");
  assert.equal(reader.bufferedOctets, 4);
  assert.equal(reader.nextLine(10), undefined);
  reader.push(Buffer.from("12345678\r\n"));
  assert.throws(() => reader.nextLine(10), ImapLimitError);
});

test("APPEND parses its head before the message is there", () => {
  const reader = new CommandReader(defaultLimits);
  reader.push(Buffer.from('a APPEND INBOX (\\Seen $X) " 7-Feb-1994 21:52:25 -0800" {2}\r\n'));
  const event = reader.next();
  assert.equal(event?.kind, "literal");
  if (event?.kind !== "literal") return;
  assert.equal(parseAppendMailbox(event.args), "INBOX");
  const { flags, internalDate } = parseAppendOptions(event.args);
  assert.deepEqual([...flags!.system, ...flags!.keywords], ["\\Seen", "$X"]);
  assert.equal(internalDate?.epochSeconds, Date.UTC(1994, 1, 8, 5, 52, 25) / 1000);
  reader.stream();
  reader.push(Buffer.from("hi"));
  assert.equal(reader.next()?.kind, "octets");
  assert.equal(reader.next()?.kind, "literalEnd");
  assert.equal(reader.next(), undefined);
  assert.ok(reader.wantsMore);
  reader.push(Buffer.from("\r\n"));
  assert.equal(reader.next()?.kind, "command");
  assert.equal(event.args.streamed(), 2);
  event.args.end();
  assert.ok(reader.atRest);
  assert.ok(!reader.wantsMore);
});

test("a syntax error says where", () => {
  const reader = new CommandReader(defaultLimits);
  reader.push(Buffer.from("a NOOP\r\nab FETCH 1 BOGUS\r\n"));
  reader.next();
  const event = reader.next();
  assert.equal(event?.kind, "command");
  if (event?.kind !== "command") return;
  assert.throws(
    () => parseFetch(event.args),
    (error) => error instanceof ImapSyntaxError && error.offset === 16,
  );
});

test("options to limits", () => {
  const options = { maxword: 10, maxquoted: 0, maxliteral: 100_000, maxargssize: 0, literalminus: true };
  const { preLogin, session } = limitsOf(options);
  assert.deepEqual(session, {
    maxWordOctets: 10,
    maxQuotedOctets: MAX_COMMAND_OCTETS,
    maxLiteralOctets: 100_000,
    maxCommandOctets: MAX_COMMAND_OCTETS,
    maxNonSyncOctets: LITERAL_MINUS_OCTETS,
  });
  assert.deepEqual(preLogin, { ...preLoginLimits, maxWordOctets: 10, maxNonSyncOctets: LITERAL_MINUS_OCTETS });
});
