import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Arguments,
  CommandReader,
  defaultLimits,
  formatDate,
  ImapSyntaxError,
  parseAuthenticate,
  parseCopy,
  parseCreate,
  parseEnable,
  parseFetch,
  parseId,
  parseList,
  parseLogin,
  parseMailboxAndIdentifier,
  parseNothing,
  parseOneName,
  parsePlainList,
  parseRename,
  parseSearch,
  parseSelect,
  parseSetAcl,
  parseSetQuota,
  parseStatus,
  parseStore,
  parseUidExpunge,
  parseUidVerb,
  type SearchKey,
} from "./index.ts";

function read(line: string): Arguments {
  const reader = new CommandReader(defaultLimits);
  reader.push(Buffer.from(`a ${line}\r\n`, "latin1"));
  for (let event = reader.next(); event !== undefined; event = reader.next()) {
    if (event.kind === "command") return event.args;
    if (event.kind === "literal") reader.gather();
  }
  throw new Error("no command");
}

/** What `parse` says to this command: its value, or the error's text. */
function tell<T>(parse: (args: Arguments) => T, line: string): T | string {
  try {
    return parse(read(line));
  } catch (error) {
    if (error instanceof ImapSyntaxError) return error.message;
    throw error;
  }
}

function show(key: SearchKey): string {
  switch (key.kind) {
    case "and":
      return `(${key.keys.map(show).join(" ")})`;
    case "or":
      return `OR ${key.keys.map(show).join(" ")}`;
    case "not":
    case "fuzzy":
      return `${key.kind.toUpperCase()} ${show(key.key)}`;
    case "seqnos":
    case "uids":
      return `${key.kind}=${key.set}`;
    case "flag":
      return `${key.set ? "" : "!"}${key.flag}`;
    case "recent":
      return `${key.set ? "" : "!"}recent`;
    case "keyword":
      return `${key.set ? "" : "!"}${key.keyword}`;
    case "date":
      return `${key.field} ${key.when} ${formatDate(key.day)}`;
    case "text":
      return `${key.field}~${key.value}`;
    case "header":
      return `${key.name}~${key.value}`;
    default:
      return Object.values(key).join(" ");
  }
}

test("FETCH", () => {
  const fetch = (text: string): string => {
    const result = tell(parseFetch, `FETCH ${text}`);
    if (typeof result === "string") return result;
    const partials = result.sections.map(
      (s) => `${s.peek ? "PEEK " : ""}${s.label}${s.partial ? `+${s.partial.length}` : ""}`,
    );
    const { changedSince, vanished } = result.modifiers;
    const modifiers =
      changedSince === undefined ? [] : [`since ${changedSince}${vanished === true ? " vanished" : ""}`];
    return [String(result.set), ...result.items, ...partials, ...modifiers].join(" ");
  };
  assert.equal(fetch("1:* ALL"), "1:* FLAGS INTERNALDATE RFC822.SIZE ENVELOPE");
  assert.equal(fetch("3,1:2 (uid flags Uid)"), "1:3 UID FLAGS");
  assert.equal(fetch("1 BODY"), "1 BODY");
  assert.equal(
    fetch("1 body.peek[header.fields (Subject fRom)]<2.5>"),
    "1 PEEK BODY[HEADER.FIELDS (Subject fRom)]<2>+5",
  );
  assert.equal(fetch('1 (BODY[1.2.HEADER.FIELDS.NOT ("X")] UID)'), "1 UID BODY[1.2.HEADER.FIELDS.NOT (X)]");
  assert.equal(
    fetch("1 (BODY[] BODY[2.mime] BINARY[1] BINARY.SIZE[2.2])"),
    "1 BODY[] BODY[2.MIME] BINARY[1] PEEK BINARY.SIZE[2.2]",
  );
  assert.equal(fetch("1 (FLAGS) (CHANGEDSINCE 26 VANISHED)"), "1 FLAGS since 26 vanished");
  assert.equal(fetch("1 (DIGEST.SHA1 CID FOLDER UUID)"), "Invalid Fetch attribute UUID");
  assert.equal(fetch("1 (BOGUS)"), "Invalid Fetch attribute BOGUS");
  assert.equal(fetch("x FLAGS"), "Invalid sequence in Fetch");
  assert.equal(fetch("1"), "Missing required argument to Fetch");
  assert.equal(fetch("1 FLAGS x"), "Unexpected extra arguments to Fetch");
  assert.equal(fetch("1 (FLAGS"), "Missing close parenthesis in Fetch");
  for (const bad of [
    "[",
    "[0]",
    "[1.]",
    "[MIME]",
    "[X]",
    "[HEADER.FIELDS]",
    "[HEADER.FIELDS ()]",
    "[HEADER.FIELDS (a:b)]",
    "[.1]",
  ]) {
    assert.equal(fetch(`1 BODY${bad}`), "Invalid body section", bad);
  }
  for (const bad of ["<1>", "<1.0>", "<a.1>", "<0.1", "x"])
    assert.equal(fetch(`1 BODY[]${bad}`), "Invalid body partial", bad);
  assert.equal(tell(parseFetch, "FETCH"), "Missing required argument to Fetch");
});

function store(text: string): string {
  const result = tell(parseStore, `STORE ${text}`);
  if (typeof result === "string") return result;
  const { set, change, silent, flags, unchangedSince } = result;
  return [set, change, silent ? "silent" : "", unchangedSince ?? "", ...flags.system, ...flags.keywords].join(" ");
}

test("STORE", () => {
  assert.equal(store("1:3 +FLAGS (\\seen $A $a)"), "1:3 add   \\Seen $A");
  assert.equal(store("1 -flags.silent \\Deleted Junk"), "1 remove silent  \\Deleted Junk");
  assert.equal(store("1:5 (UNCHANGEDSINCE 26) FLAGS.SILENT (\\Seen)"), "1:5 replace silent 26 \\Seen");
  assert.equal(store("1 FLAGS ()"), "1 replace  ");
  assert.equal(store("3 +FLAGS (\\Recent)"), "Invalid system flag in Store command");
  assert.equal(store("3 +FLAGS (\\Bogus)"), "Invalid system flag in Store command");
  assert.equal(store("3 BOGUS (\\Seen)"), "Invalid Store attribute");
  assert.equal(store("3 FLAGS (a%b)"), "Invalid flag name a%b in Store command");
  assert.equal(store("3 FLAGS (a]b)"), "Invalid flag name a]b in Store command");
  assert.equal(store("3 FLAGS (a"), "Missing close parenthesis in Store");
  assert.equal(store("3"), "Missing required argument to Store");
});

test("SEARCH", () => {
  const search = (text: string): string => {
    const result = tell(parseSearch, `SEARCH ${text}`);
    if (typeof result === "string") return result;
    const returns = result.returns === undefined ? [] : [`RETURN ${[...result.returns].join(" ")}:`];
    const charset = result.charset === undefined ? [] : [`${result.charset}:`];
    return [...returns, ...charset, show(result.key)].join(" ");
  };
  assert.equal(search("ALL"), "all");
  assert.equal(search("CHARSET UTF-8 SUBJECT {3+}\r\n\xc3\xa9x"), "UTF-8: subject~\xc3\xa9x");
  assert.equal(search("RETURN () ALL"), "RETURN ALL: all");
  assert.equal(search("RETURN (min COUNT) 1:3 UID 5:*"), "RETURN MIN COUNT: (seqnos=1:3 uids=5:*)");
  assert.equal(
    search("OR (NOT SEEN DELETED) NOT NOT FROM x NEW"),
    "(OR (NOT \\Seen \\Deleted) NOT NOT from~x (recent !\\Seen))",
  );
  assert.equal(search("OR OR 1 2 OR 3 4 OLD"), "(OR seqnos=1 seqnos=2 seqnos=3 seqnos=4 !recent)");
  assert.equal(search("FUZZY SUBJECT lunch"), "FUZZY subject~lunch");
  assert.equal(
    search('SENTSINCE 9-Feb-2022 BEFORE "1-Jan-2030"'),
    "(sent since 9-Feb-2022 internal before 1-Jan-2030)",
  );
  assert.equal(search('HEADER X-Spam "" KEYWORD $L UNKEYWORD b'), "(X-Spam~ $L !b)");
  assert.equal(
    search("LARGER 10 OLDER 10 YOUNGER 9 MODSEQ 27"),
    "(size larger 10 age older 10 age younger 9 modseq 27)",
  );
  assert.equal(search('MODSEQ "/flags/\\\\draft" all 620162338'), "modseq 620162338");
  assert.equal(search("BOGUS"), "Invalid Search criteria");
  assert.equal(search("LARGER x"), "Invalid number in Search command");
  assert.equal(search("ON 31-Feb-2022"), "Invalid date in Search command");
  assert.equal(search("RETURN (SAVE) ALL"), "Invalid Search return option save");
  assert.equal(search("ATTACHMENTNAME f\xe9.bin"), "Invalid Search criteria");
  assert.equal(search("(1:3 UNDELETED) "), "Invalid Search criteria");
  assert.equal(search("(1:3"), "Invalid Search criteria");
  assert.equal(search("OR 1"), "Invalid Search criteria");
  assert.equal(search("1)"), "Unexpected extra arguments to Search");
  assert.equal(search("CHARSET UTF-8 SUBJECT {5+}\r\ncaf\xe2\x88\x9a\xc2\xa9"), "Unexpected extra arguments to Search");
  assert.equal(tell(parseSearch, "SEARCH"), "Missing required argument to Search");
  assert.equal(search(`${"(".repeat(1000)}ALL${")".repeat(1000)}`), "all");
  assert.equal(search(`${"(".repeat(1001)}ALL${")".repeat(1001)}`), "Invalid Search criteria");
  assert.equal(search(`${"OR 1 ".repeat(900)}2`), `OR ${"seqnos=1 ".repeat(900)}seqnos=2`);
  assert.equal(search(`${"NOT ".repeat(40_000)}ALL`), "Invalid Search criteria");
});

function some(name: string, values: Iterable<string> | undefined): string[] {
  const shown = [...(values ?? [])].join(" ");
  return shown === "" ? [] : [`${name}(${shown})`];
}

test("LIST, LSUB, STATUS", () => {
  const list = (text: string): string => {
    const result = tell(parseList, `LIST ${text}`);
    if (typeof result === "string") return result;
    const { extended, select, reference, patterns, returns, status, metadata } = result;
    return [
      ...(extended ? ["extended"] : []),
      ...some("select", select),
      JSON.stringify(reference),
      patterns.join(","),
      ...some("return", returns),
      ...some("status", status),
      ...some("metadata", metadata),
    ].join(" ");
  };
  assert.equal(list('"" *'), '"" *');
  assert.equal(list('"user/" "alice%"'), '"user/" alice%');
  assert.equal(
    list('(SUBSCRIBED) "" * RETURN (CHILDREN SUBSCRIBED SPECIAL-USE)'),
    'extended select(SUBSCRIBED) "" * return(CHILDREN SUBSCRIBED SPECIAL-USE)',
  );
  assert.equal(
    list('() "" (INBOX INBOX/%) RETURN (STATUS (MESSAGES unseen) MYRIGHTS METADATA (/private/comment))'),
    'extended "" INBOX,INBOX/% return(MYRIGHTS) status(MESSAGES UNSEEN) metadata(/private/comment)',
  );
  assert.equal(list('"" % RETURN (STATUS (MESSAGES DELETED))'), "Invalid Status attributes deleted");
  assert.equal(list('(RECURSIVEMATCH) "" "%"'), "Invalid combination of selection options");
  assert.equal(list('(BOGUS) "" "%"'), 'Invalid List selection option "bogus"');
  assert.equal(list('() "" "INBOX*" RETURN (BOGUS)'), 'Invalid List return option "bogus"');
  assert.equal(list('""'), "Missing required argument to List");
  assert.equal(list('"" * x'), "Unexpected extra arguments to List");
  assert.deepEqual(tell(parsePlainList, 'LSUB "" *'), { reference: "", pattern: "*" });
  assert.equal(tell(parseStatus, "STATUS INBOX (BOGUS)"), "Invalid Status attributes bogus");
  assert.deepEqual(tell(parseStatus, "STATUS {5+}\r\nINBOX (uidnext MESSAGES)"), {
    mailbox: "INBOX",
    items: new Set(["UIDNEXT", "MESSAGES"]),
  });
});

test("ACL and QUOTA", () => {
  const rights = (text: string): unknown => {
    const result = tell(parseSetAcl, `SETACL shared bob ${text}`);
    return typeof result === "string" ? result : `${result.rights.change} ${result.rights.rights}`;
  };
  assert.equal(rights("lrs"), "replace lrs");
  assert.equal(rights("+ll7"), "add l7");
  assert.equal(rights("-r"), "remove r");
  assert.equal(rights('""'), "replace ");
  assert.equal(rights("zz"), "The z right is not supported");
  assert.equal(rights('"l\r"'), "Missing required argument to Setacl");
  assert.equal(tell(parseSetAcl, "SETACL shared bob"), "Missing required argument to Setacl");
  assert.deepEqual(tell(parseMailboxAndIdentifier, "DELETEACL shared -bob"), { mailbox: "shared", identifier: "-bob" });
  assert.deepEqual(tell(parseSetQuota, "SETQUOTA u (storage 100 MESSAGE 50)"), {
    root: "u",
    limits: new Map([
      ["STORAGE", 100],
      ["MESSAGE", 50],
    ]),
  });
  assert.deepEqual(tell(parseSetQuota, "SETQUOTA u ()"), { root: "u", limits: new Map() });
  assert.equal(tell(parseSetQuota, "SETQUOTA u (STORAGE -1)"), "Invalid quota list in Setquota");
});

test("the rest", () => {
  assert.equal(tell(parseNothing, "NOOP extra"), "Unexpected extra arguments to Noop");
  assert.equal(tell(parseNothing, "NOOP "), "Unexpected extra arguments to Noop");
  assert.equal(tell(parseNothing, "LOGOUT extra"), "Unexpected extra arguments to Logout");
  assert.equal(tell(parseSelect, "SELECT"), "Missing required argument to Select");
  assert.equal(tell(parseSelect, "SELECT INBOX extra"), "Invalid modifier list in Select");
  assert.equal(tell(parseSelect, "SELECT INBOX (BOGUS)"), "Invalid Select modifier BOGUS");
  const select = tell(parseSelect, "SELECT INBOX (CONDSTORE QRESYNC (7 20 1:10 (1,3 2,4)))");
  assert.ok(typeof select !== "string");
  assert.deepEqual(
    [
      select.mailbox,
      select.condstore,
      select.qresync?.uidvalidity,
      String(select.qresync?.knownUids),
      String(select.qresync?.matchUids),
    ],
    ["INBOX", true, 7, "1:10", "2,4"],
  );
  assert.equal(tell(parseOneName, "DELETE a b"), "Unexpected extra arguments to Delete");
  assert.equal(tell(parseOneName, "DELETE f\xe9"), "Unexpected extra arguments to Delete");
  assert.equal(tell(parseLogin, "LOGIN alice"), "Missing required argument to Login");
  assert.equal(tell(parseLogin, "LOGIN {1+}\r\n\0 x"), "Missing required argument to Login");
  assert.deepEqual(tell(parseLogin, 'LOGIN alice "p w"'), { user: "alice", password: "p w" });
  assert.deepEqual(tell(parseAuthenticate, "AUTHENTICATE plain ="), { mechanism: "PLAIN", initialResponse: "=" });
  assert.deepEqual(tell(parseEnable, "ENABLE CONDSTORE qresync"), ["CONDSTORE", "QRESYNC"]);
  assert.equal(tell(parseEnable, "ENABLE"), "Missing required argument to Enable");
  assert.equal(tell(parseUidVerb, "UID"), "Missing required argument to Uid");
  assert.deepEqual(tell(parseRename, "RENAME a b default"), { source: "a", target: "b", partition: "default" });
  const copy = tell(parseCopy, "COPY 1:2 INBOX/Work");
  assert.ok(typeof copy !== "string");
  assert.equal(`${copy.set} ${copy.mailbox}`, "1:2 INBOX/Work");
  assert.equal(String(tell(parseUidExpunge, "EXPUNGE 1,2,9:*")), "1:2,9:*");
  assert.deepEqual(tell(parseCreate, "CREATE INBOX/A (USE (\\Archive \\Important) TYPE email)"), {
    mailbox: "INBOX/A",
    partition: undefined,
    server: undefined,
    type: "email",
    use: ["\\Archive", "\\Important"],
  });
  assert.deepEqual(
    tell(parseId, 'ID ("name" "x" "Os" NIL)'),
    new Map([
      ["name", "x"],
      ["os", null],
    ]),
  );
  assert.equal(tell(parseId, "ID nil"), null);
  assert.equal(tell(parseId, "ID x"), "Invalid parameter list in Id");
  assert.equal(tell(parseId, `ID (${'"a" "b" '.repeat(30)}"a" "b")`), "Invalid parameter list in Id");
  assert.equal(tell(parseId, "ID NIL x"), "Unexpected extra arguments to Id");
});
