import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { fuzz } from "../base/fuzz.ts";
import { target } from "./cyrus-conf.fuzz.ts";
import { type CyrusConf, parseCyrusConf } from "./cyrus-conf.ts";
import { ConfigError } from "./error.ts";
import { makeServices } from "./services.ts";

const services = makeServices([]);
const parse = (text: string, mode: "start" | "reload" = "start"): CyrusConf =>
  parseCyrusConf(text, { file: "c", services, mode });
const service = (args: string) => parse(`SERVICES {\n x cmd="p" ${args}\n}\n`).services[0]!;
const warningsOf = (text: string): readonly string[] => parse(text).warnings.map((w) => `${w.line}: ${w.text}`);

function errorOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.exitCode, 78);
    return `${error.text} (${error.line})`;
  }
  return "no error";
}

describe("sections", () => {
  test("have a capital first letter, and come in any order", () => {
    const conf = parse("Daemon {\n d cmd=d\n}\n  Start   {  # x\n a cmd=a\n\n  b cmd=b\n  }\n");
    assert.deepEqual(
      conf.start.map(({ name, line }) => `${name} ${line}`),
      ["a 5", "b 7"],
    );
    assert.deepEqual(
      conf.daemons.map(({ name }) => name),
      ["d"],
    );
    assert.deepEqual(conf.warnings, []);
  });

  // Cyrus 3.6.1 reads the first START, SERVICES, ... of a file and passes over any further one in silence.
  test("of one name count once", () => {
    const text = "START {\n a cmd=a\n}\nEVENTS { }\nSTART {\n b bad-key\n}\nEVENTS {\n c cmd=c\n}\n";
    assert.deepEqual([parse(text).start.length, parse(text).events.length], [1, 0]);
    assert.deepEqual(warningsOf(text), [
      "5: a second section START is ignored, as in Cyrus; move its entries into the first",
      "8: a second section EVENTS is ignored, as in Cyrus; move its entries into the first",
    ]);
  });

  test("that are unknown are passed over, with a warning", () => {
    const conf = parse("start {\n a cmd=a\n}\nFOO {\nSERVICES {\n b bad-key\n}\nEVENTS { }\nDAEMON {\n c cmd=c\n}\n");
    assert.deepEqual([conf.start.length, conf.services.length, conf.daemons.length], [0, 0, 1]);
    assert.deepEqual(warningsOf("start {\n}\nSERVICE {\n}\n"), [
      "1: section 'start' is unknown and is ignored; did you mean START?",
      "3: section 'SERVICE' is unknown and is ignored; did you mean SERVICES?",
    ]);
  });

  test("must have the brace on their line, and be closed", () => {
    assert.deepEqual(warningsOf("SERVICES\n{\n}\n"), [
      "1: this line is outside of any section and is ignored; a section begins with a line such as SERVICES {",
      "2: this { names no section; it belongs at the end of the line with the name, and all up to } is ignored",
    ]);
    assert.deepEqual(warningsOf("START {\n a cmd=a\n"), ["1: this section is not closed with }"]);
  });
});

describe("lines", () => {
  test("quotes, comments, arguments without a blank between", () => {
    const [entry] = parse('START {\n a cmd="b  -c\td" # x\n#\n}\n').start;
    assert.deepEqual(entry!.cmd, ["b", "-c", "d"]);
    assert.equal(parse('SERVICES {\n a cmd="x"listen=1\n}').services[0]!.listen, "1");
    assert.equal(parse("SERVICES {\r\n a cmd=x listen=imap\r\n}\r\n").services[0]!.listen, "imap");
    assert.deepEqual(parse("START {\n a cmd=x#y\n}\n").start[0]!.cmd, ["x"]);
  });

  test("what is refused", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["a-b cmd=x", "configuration file c: bad character '-' in name on line 2 (2)"],
      ["a=1 cmd=x", "configuration file c: bad character '=' in name on line 2 (2)"],
      ["a cmd = x", "configuration file c: bad character ' ' in argument on line 2 (2)"],
      ["a cmd=x li-sten=1", "configuration file c: bad character '-' in argument on line 2 (2)"],
      ["a cmd=x }", "configuration file c: bad character '}' in argument on line 2 (2)"],
      ["a cmd=x listen", "configuration file c: bad character 'end of line' in argument on line 2 (2)"],
      ['a cmd="x', 'configuration file c: missing " on line 2 (2)'],
      ['a cmd="x # y"', 'configuration file c: missing " on line 2 (2)'],
      [`a cmd=x${" y=1".repeat(64)}`, "configuration file c: too many arguments on line 2 (2)"],
      [`a cmd=${"x".repeat(4096)}`, "configuration file c: line 2 is too long (2)"],
      ["a = x", "configuration file c: bad character 'end of line' in argument on line 2 (2)"],
      ["a cmd=x\x01", "configuration file c: control character in argument on line 2 (2)"],
    ];
    for (const [line, error] of cases) assert.equal(errorOf(`START {\n${line}\n}\n`), error, line);
  });

  test("a command that is missing", () => {
    assert.equal(errorOf('START {\na cmd=""\n}'), "unable to find command for a (2)");
    assert.equal(errorOf("SERVICES {\na cmd=x\n}"), "unable to find command or port for service 'a' (2)");
    assert.equal(errorOf("SERVICES {\na listen=1\n}"), "unable to find command or port for service 'a' (2)");
    assert.equal(errorOf("EVENTS {\na at=0400\n}"), "unable to find command or port for event 'a' (2)");
  });

  test("names of services and daemons are unique, those of START and EVENTS need not be", () => {
    assert.equal(errorOf("SERVICES {\na cmd=x listen=1\na cmd=x listen=2\n}"), "multiple entries for service 'a' (3)");
    assert.equal(
      errorOf("SERVICES {\na cmd=x listen=1\n}\nDAEMON {\na cmd=x\n}"),
      "multiple entries for waitdaemon 'a' (5)",
    );
    assert.equal(parse("START {\na cmd=x\na cmd=x\n}").start.length, 2);
  });

  test("a reload leaves out what is wrong and keeps the rest", () => {
    const conf = parse(
      "SERVICES {\na cmd=x listen=1\nb-b cmd=x\na cmd=y listen=2\nc cmd=x\nd cmd=x listen=3\n}",
      "reload",
    );
    assert.deepEqual(
      conf.services.map(({ name, cmd }) => `${name} ${cmd}`),
      ["a x", "d x"],
    );
    assert.deepEqual(
      conf.errors.map(({ line }) => line),
      [3, 4, 5],
    );
  });
});

describe("arguments", () => {
  test("of a service, with their defaults", () => {
    const { endpoint, ...rest } = service("listen=imap");
    assert.deepEqual(rest, {
      name: "x",
      file: "c",
      line: 2,
      cmd: ["p"],
      section: "SERVICES",
      listen: "imap",
      proto: "tcp",
      prefork: 0,
      maxchild: undefined,
      maxfds: 0,
      maxforkrate: 0,
      babysit: false,
    });
    assert.deepEqual(endpoint, {
      listen: { kind: "inet", port: 143 },
      transport: { protocol: "tcp", families: [4, 6] },
    });
  });

  test("babysit wants a process and bounds its forks; UDP has one process", () => {
    const watched = service("listen=imap babysit=yes");
    assert.deepEqual([watched.prefork, watched.maxforkrate], [1, 10]);
    assert.equal(service("listen=imap babysit=yes maxforkrate=3 prefork=5").maxforkrate, 3);
    const udp = service("listen=/s proto=udp prefork=7 maxchild=9");
    assert.deepEqual([udp.prefork, udp.maxchild], [1, 1]);
    assert.equal(service("listen=imap maxchild=0").maxchild, 0);
  });

  test("what cannot be listened on disables the service, and the start goes on", () => {
    assert.deepEqual(service("listen=imap proto=sctp").endpoint, { disabled: "invalid proto 'sctp'" });
    assert.deepEqual(service("listen=nosuch").endpoint, { disabled: "unknown service name 'nosuch' for tcp" });
  });

  test("numbers and switches that are none give the default; twice given, the first counts", () => {
    const text = "SERVICES {\nx cmd=p listen=1 prefork=many maxchild=5k babysit=YES prefrk=1 cmd=q\n}";
    assert.deepEqual([parse(text).services[0]!.prefork, parse(text).services[0]!.maxchild], [0, 5]);
    assert.deepEqual(warningsOf(text), [
      "2: cmd is given twice for x; the first counts",
      "2: x: babysit=YES is neither yes nor no; no is used",
      "2: x: prefork=many is no whole number; 0 is used",
      "2: x: maxchild=5k is read as 5",
      "2: x: argument 'prefrk' is unknown in SERVICES and is ignored; did you mean prefork?",
    ]);
  });

  test("of an event", () => {
    const [a, b, c] = parse("EVENTS {\na cmd=x period=30\nb cmd=x at=0405 period=3\nc cmd=x at=2460\n}").events;
    assert.deepEqual([a!.period, a!.at], [30, undefined]);
    assert.deepEqual(b!.at, { hour: 4, minute: 5 });
    assert.deepEqual([c!.period, c!.at], [0, undefined]);
  });

  test("of a daemon", () => {
    const [a, b] = parse("DAEMON {\na cmd=x\nb cmd=x wait=y maxforkrate=2\n}").daemons;
    assert.deepEqual([a!.wait, a!.maxforkrate, b!.wait, b!.maxforkrate], [false, 10, true, 2]);
  });
});

test("entries written in any shape the grammar allows come back", () => {
  const word = fc.stringMatching(/^[A-Za-z0-9]{1,8}$/);
  const value = fc.stringMatching(/^[!$-~][ !$-~]{0,15}$/);
  const entry = fc.record({ name: word, value });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), fc.constantFrom(" ", "\t", "  \t"), (entries, blank) => {
      const lines = entries.map(({ name, value: text }) => `${blank}${name}${blank}cmd="${text}"${blank}# c\n`);
      const conf = parse(`START {\n${lines.join("\n")}${blank}}\n`);
      assert.deepEqual(
        conf.start.map(({ name, cmd }) => [name, cmd]),
        entries.map(({ name, value: text }) => [name, text.split(" ").filter((part) => part !== "")]),
      );
    }),
  );
});

test("any octets give entries or a ConfigError, and start and reload agree", () => {
  fuzz(target, { seed: 20260102, iterations: 3_000 });
});
