import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { fuzz } from "../base/fuzz.ts";
import { ConfigError } from "./error.ts";
import { target } from "./imapd-conf.fuzz.ts";
import { configFromText, loadImapdConf, parseImapdConf } from "./imapd-conf.ts";
import { requireMailStore } from "./start-checks.ts";

/** The error of a configuration, as TEXT at FILE:LINE. */
function errorOf(text: string, files: Readonly<Record<string, string>> = {}): string {
  try {
    parseWith(text, files);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.exitCode, 78);
    assert.notEqual(error.hint, "");
    return `${error.text} at ${error.file}:${error.line}`;
  }
  return "no error";
}

function parseWith(text: string, files: Readonly<Record<string, string>> = {}, service?: string) {
  const readInclude = (path: string): Uint8Array => {
    const found = new Map(Object.entries(files)).get(path);
    if (found === undefined) throw Object.assign(new Error("missing"), { code: "ENOENT" });
    return Buffer.from(found);
  };
  return parseImapdConf(`configdirectory: /cd\n${text}`, { file: "main", readInclude, service });
}

const aboutMboxlistDb = (text: string): readonly string[] =>
  parseWith(text).notices.filter((notice) => notice.includes("mboxlist_db"));

const startError = (text: string): string => {
  try {
    requireMailStore(parseWith(text));
    return "";
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.text;
  }
};

describe("the grammar", () => {
  test("blanks around lines and values, comments, case of names, quotes", () => {
    const config = parseWith('  # c\n\t Admins:   fred  jane \t\n\nservername: "a b" # not a comment\n');
    assert.equal(config.admins, "fred  jane");
    assert.equal(config.servername, '"a b" # not a comment');
  });

  test("a backslash at the end joins the next line with nothing between, also in comments", () => {
    assert.equal(parseWith("admins: a\\\n  b\n").admins, "a  b");
    assert.equal(parseWith("# comment \\\nadmins: swallowed\n").admins, "");
    assert.equal(parseWith("admins: a\\\r\nb\r\n").admins, "ab");
  });

  test("errors name the physical line on which the setting begins", () => {
    assert.equal(errorOf("admins: a\\\nb\\\nc\nmaxquoted: x\n"), "non-integer value for maxquoted in line 5 at main:5");
  });

  test("what the grammar refuses", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["popminpoll : 1", "invalid option name on line 2 of configuration file main at main:2"],
      ["a.b: 1", "invalid option name on line 2 of configuration file main at main:2"],
      ["nothing", "invalid option name on line 2 of configuration file main at main:2"],
      [": x", "invalid option name on line 2 of configuration file main at main:2"],
      ["@foo: x", "invalid directive on line 2 of configuration file main at main:2"],
      ["admins:", "empty option value on line 2 of configuration file at main:2"],
      ["admins: a\0b", "control character in the value of admins on line 2 of configuration file main at main:2"],
      ["admins: a\rb", "control character in the value of admins on line 2 of configuration file main at main:2"],
      ["foo: 1\nFOO: 1", "option 'foo' was specified twice in config file (second occurrence on line 3) at main:3"],
      [
        "imap_timeout: 1\nimap_timeout: 1",
        "option 'imap_timeout' was specified twice in config file (second occurrence on line 3) at main:3",
      ],
    ];
    for (const [text, error] of cases) assert.equal(errorOf(text), error, text);
  });

  test("values that are none of their option's", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["search_engine: foo", "invalid value 'foo' for search_engine"],
      ["search_engine: no", "invalid value 'off' for search_engine"],
      ["virtdomains: ON", "invalid value 'ON' for virtdomains"],
      ["mboxlist_db: berkeley", "invalid value 'berkeley' for mboxlist_db"],
      ["expunge_mode: default", "invalid value 'default' for expunge_mode"],
      ["httpmodules: jmap foo", "invalid value 'foo' for httpmodules"],
      ["maxliteral: 1k", "non-integer value for maxliteral"],
      ["timeout: 1 h", "unparsable duration '1 h' for timeout"],
      ["allowplaintext: YES", "non-switch value for allowplaintext"],
    ];
    for (const [text, error] of cases) assert.equal(errorOf(text), `${error} in line 2 at main:2`, text);
  });

  test("the hint guesses what was meant", () => {
    assert.throws(() => parseWith("httpmodules: caldv"), /\(main:2: did you mean caldav\? allowed: admin caldav/);
  });

  test("octets that are not UTF-8 are kept as ISO 8859-1, with a notice", () => {
    const text = Buffer.from("configdirectory: /cd\naltprefix: Entw\xfcrfe\n", "latin1");
    const config = parseImapdConf(text);
    assert.equal(config.altprefix, "Entwürfe");
    assert.ok(config.notices.some((notice) => notice.includes("not UTF-8")));
    assert.equal(configFromText("altprefix: Entwürfe").altprefix, "Entwürfe");
  });
});

describe("@include", () => {
  test("is read in place, and its lines have their own numbers", () => {
    const files = { sub: "admins: fred\n\nfoo: bar\n" };
    const config = parseWith("@include: sub\nservername: x\n", files);
    assert.equal(config.admins, "fred");
    assert.deepEqual(config.origin("admins"), { file: "sub", line: 1 });
    assert.deepEqual(config.origin("foo"), { file: "sub", line: 3 });
    assert.deepEqual(config.origin("servername"), { file: "main", line: 3 });
    assert.equal(config.origin("timeout"), undefined);
  });

  test("of the same file twice, of itself, of a missing one", () => {
    const files = { sub: "foo: 1\n", self: "@include: self\n", up: "@include: main\n", twice: "admins: x\n" };
    assert.equal(errorOf("@include: sub\n@include: sub", files), "configuration file sub included twice at main:3");
    assert.equal(errorOf("@include: self", files), "configuration file self included twice at self:1");
    assert.equal(errorOf("@Include: up", files), "configuration file main included twice at up:1");
    assert.equal(
      errorOf("@include: no", files),
      "can't open configuration file no: No such file or directory at main:2",
    );
    assert.match(errorOf("admins: y\n@include: twice", files), /^option 'admins' was specified twice .* at twice:1$/);
  });

  test("has a bound on how deep it goes", () => {
    const files = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`f${i}`, `@include: f${i + 1}\n`]));
    assert.match(errorOf("@include: f0", files), /^too many included files on line 1 of configuration file f30 /);
  });
});

describe("options", () => {
  test("have defaults of their type", () => {
    const config = configFromText();
    assert.equal(config.timeout, 32 * 60);
    assert.equal(config.tls_session_timeout, 86_400);
    assert.equal(config.popexpiretime, -86_400);
    assert.equal(config.imapidletimeout, undefined);
    assert.equal(config.allowplaintext, false);
    assert.equal(config.delete_mode, "delayed");
    assert.equal(config.sql_engine, undefined);
    assert.deepEqual([...config.httpmodules], []);
    assert.deepEqual([...config.event_groups], ["message", "mailbox"]);
    assert.equal(config.lmtpsocket, "/var/lib/cyrus/socket/lmtp");
    assert.equal(config.proc_path, undefined);
    assert.equal(config.admins, "");
  });

  test("{configdirectory} is replaced at the start of known string options only", () => {
    const config = parseWith(
      "idlesocket: {ConfigDirectory}/i\nfoo: {configdirectory}/x\npartition-a: {configdirectory}/p",
    );
    assert.equal(config.idlesocket, "/cd/i");
    assert.equal(config.raw("foo"), "{configdirectory}/x");
    assert.equal(config.partitions.get("a")!.path, "{configdirectory}/p");
    assert.equal(parseWith("sendmail: /x{configdirectory}").sendmail, "/x{configdirectory}");
  });

  test("a service's own form wins, whatever the order", () => {
    for (const text of ["imap_timeout: 40m\ntimeout: 50m", "timeout: 50m\nimap_timeout: 40m"]) {
      assert.equal(parseWith(text, {}, "imap").timeout, 2400);
      assert.equal(parseWith(text, {}, "pop3").timeout, 3000);
      assert.equal(parseWith(text).timeout, 3000);
    }
    const sasl = parseWith("sasl_mech_list: LOGIN\nimap_sasl_mech_list: PLAIN", {}, "imap");
    assert.equal(sasl.sasl("mech_list"), "PLAIN");
    assert.equal(sasl.raw("sasl_mech_list"), "PLAIN");
  });

  test("a service's name in cyrus.conf may have capitals", () => {
    assert.equal(parseWith("imapa_timeout: 40m", {}, "ImapA").timeout, 2400);
  });

  test("an option is itself also where a service's name begins it", () => {
    const config = parseWith("sync_timeout: 7s", {}, "sync");
    assert.equal(config.sync_timeout, 7);
    assert.equal(config.timeout, 32 * 60);
  });

  test("another service's settings are not judged", () => {
    assert.equal(parseWith("imap_timeout: nonsense", {}, "pop3").timeout, 1920);
    assert.throws(
      () => parseWith("imap_timeout: nonsense", {}, "imap"),
      /unparsable duration 'nonsense' for imap_timeout/,
    );
  });

  test("an old name gives its value to the new one, unless that is set", () => {
    const config = parseWith("archive_days: 3\ntls_cert_file: /old\ntls_server_cert: /new");
    assert.equal(config.archive_after, 3 * 86_400);
    assert.equal(config.tls_server_cert, "/new");
    assert.ok(
      config.notices.some((text) =>
        text.startsWith(
          "Option 'archive_days' is deprecated in favor of 'archive_after' since version 3.1.8. (main:2)",
        ),
      ),
    );
    assert.ok(
      parseWith("reverseuniqueids: no").notices.some((text) =>
        text.startsWith("Option 'reverseuniqueids' is deprecated in version 3.6.0."),
      ),
    );
    assert.equal(parseWith("imap_tls_cert_file: /i\ntls_server_cert: /new", {}, "imap").tls_server_cert, "/i");
  });

  test("an option set away from its default and not obeyed gives one notice, with the reason", () => {
    assert.deepEqual(aboutMboxlistDb("mboxlist_db: flat"), [
      "Option 'mboxlist_db' is accepted without effect: the data is kept in the embedded database, whatever format is named here (main:2)",
    ]);
    assert.deepEqual(aboutMboxlistDb("mboxlist_db: twoskip"), []);
  });

  test("so does one that is obeyed in part, unless the part that is asked for is", () => {
    const notices = (text: string): readonly string[] => parseWith(text).notices;
    assert.deepEqual(notices("conversations: yes"), [
      "Option 'conversations' is obeyed in part: mailboxes of a user share one counter of changes; threads are not kept yet (main:2)",
    ]);
    assert.deepEqual(notices("conversations: no"), []);
    // The recommended configuration names the sockets of other programs.
    assert.deepEqual(notices("lmtpsocket: /run/cyrus/socket/lmtp\nnotifysocket: /run/cyrus/socket/notify"), []);
    assert.deepEqual(notices("metapartition_files: cache header"), []);
    assert.deepEqual(notices("metapartition_files: cache index"), [
      "Option 'metapartition_files' is obeyed in part: header and cache are files of their own here, the others are not (main:2)",
    ]);
  });

  test("a misspelt name is guessed; a name of another shape is left alone", () => {
    const config = parseWith("expunge_mod: delayed\nsquirrel: 1\nimap_timeout: 1\nsasl_foo: 1\nxlist-sent: Sent");
    const unknown = config.notices.filter((text) => text.includes("unknown"));
    assert.deepEqual(unknown, ["Option 'expunge_mod' is unknown; did you mean expunge_mode? (main:2)"]);
  });
});

describe("names that administrators make", () => {
  test("partitions", () => {
    const text =
      "partition-a: /a\nmetapartition-a: /ma\narchivepartition-a: /aa\nfastsearchpartition-a: /sa\npartition-b: /b\nbackuppartition-z: /z\n";
    const { partitions, backupPartitions } = parseWith(`${text}archive_enabled: yes`);
    assert.deepEqual(partitions.get("a"), {
      name: "a",
      path: "/a",
      metaPath: "/ma",
      archivePath: "/aa",
      searchPaths: new Map([["fast", "/sa"]]),
    });
    assert.deepEqual(partitions.get("b"), { name: "b", path: "/b", searchPaths: new Map() });
    assert.deepEqual([...backupPartitions], [["z", "/z"]]);
    assert.equal(parseWith(text).partitions.get("a")!.archivePath, "/aa", "what is archived can be read");
  });

  test("channels", () => {
    const config = parseWith("sync_host: a\nrepl1_sync_host: b\nrepl1_sync_repeat_interval: 2m\nbad_sync_timeout: x");
    assert.equal(config.channel("repl1").sync_host, "b");
    assert.equal(config.channel("repl1").sync_repeat_interval, 120);
    assert.equal(config.channel("").sync_host, "a");
    assert.equal(config.channel("other").sync_host, "a");
    assert.throws(() => config.channel("bad"), ConfigError);
  });

  test("backends", () => {
    const config = parseWith("mail1_mechs: PLAIN\nmail1_password: secret");
    assert.deepEqual(config.backendLogin("Mail1.example.org"), { mechs: "PLAIN", password: "secret" });
    assert.deepEqual(config.backendLogin("mail2"), { mechs: undefined, password: undefined });
  });

  test("autocreate_acl may be repeated, unlike in Cyrus, and its folder may have blanks", () => {
    const config = parseWith("autocreate_acl: A anyone lrs\nautocreate_acl: B c  fred lrswip\nxlist-Sent: Sent Mail");
    assert.deepEqual(config.autocreateAcls, [
      { folder: "A", identifier: "anyone", rights: "lrs" },
      { folder: "B c", identifier: "fred", rights: "lrswip" },
    ]);
    assert.equal(errorOf("autocreate_acl: lrs"), "invalid value 'lrs' for autocreate_acl in line 2 at main:2");
    assert.deepEqual([...config.autocreateSpecialUse], [["Sent Mail", "sent"]]);
  });
});

describe("what a start needs", () => {
  test("configdirectory", () => {
    assert.throws(
      () => parseImapdConf("admins: x"),
      /^ConfigError: configdirectory option not specified in configuration file/,
    );
  });

  test("a partition", () => {
    assert.equal(startError("partition-default: /p\ndefaultpartition: Default"), "");
    assert.equal(startError("partition-x: /p"), "");
    assert.equal(
      startError("partition-x: /p\ndefaultpartition: y"),
      "partition-y option not specified in configuration file",
    );
    assert.equal(startError(""), "partition-default option not specified in configuration file");
    assert.equal(startError("mupdate_server: m"), "");
    assert.equal(
      startError("mupdate_server: m\nproxyservers: p"),
      "partition-default option not specified in configuration file",
    );
    assert.equal(errorOf("defaultpartition: a-b"), "defaultpartition option contains non-alnum character at main:2");
  });

  test("absolute paths", () => {
    assert.equal(startError("partition-x: p"), "partition-x must be an absolute path");
    assert.equal(startError("partition-x: /p\nproc_path: proc"), "proc_path must be an absolute path");
    assert.equal(startError("partition-x: /p\nproc_path: /"), "proc_path must not be '/'");
    assert.equal(startError("partition-x: /p\nduplicate_db_path: x"), "duplicate_db_path must be an absolute path");
  });
});

test("files are looked for under CYRUS_PREFIX first", (t) => {
  const prefix = mkdtempSync(join(tmpdir(), "pasargad-config-"));
  t.after(() => rmSync(prefix, { recursive: true }));
  writeFileSync(join(prefix, "m.conf"), "configdirectory: /cd\n@include: /sub.conf\n");
  writeFileSync(join(prefix, "sub.conf"), "admins: prefixed\n");
  assert.equal(loadImapdConf({ path: "/m.conf", env: { CYRUS_PREFIX: prefix } }).admins, "prefixed");
  assert.throws(() => loadImapdConf({ path: `${prefix}/m.conf`, env: {} }), /can't open configuration file \/sub.conf/);
  assert.throws(() => loadImapdConf({ path: prefix, env: {} }), /can't open configuration file .*: Is a directory/);
});

test("settings written in any shape the grammar allows come back", () => {
  const name = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
  const value = fc.stringMatching(/^[!-~é][ -~é]{0,20}[!-[\]-~]$/);
  const entries = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 8 });
  const blank = fc.constantFrom("", " ", "\t", "  ");
  fc.assert(
    fc.property(
      entries,
      blank,
      blank,
      fc.boolean(),
      fc.constantFrom("\n", "\r\n"),
      (pairs, before, after, split, end) => {
        const settings = pairs.filter(([key]) => key !== "configdirectory");
        const lines = settings.map(([key, text]) => {
          const folded = split ? `${text.slice(0, 1)}\\${end}${text.slice(1)}` : text;
          return `${before}${key.toUpperCase()}:${after}${folded}${after}${end}# between${end}`;
        });
        let config: ReturnType<typeof parseImapdConf>;
        try {
          config = parseImapdConf(`configdirectory: /cd${end}${lines.join("")}`);
        } catch (error) {
          // A random name may be that of an option with another type, or autocreate_acl.
          assert.ok(error instanceof ConfigError);
          assert.match(error.text, /value|duration|non-alnum/);
          return;
        }
        assert.deepEqual(
          [...config.settings.values()].slice(1).map((setting) => [setting.name, setting.value]),
          settings,
        );
      },
    ),
  );
});

test("any octets give a configuration or a ConfigError", () => {
  fuzz(target, { seed: 20260101, iterations: 3_000 });
});
