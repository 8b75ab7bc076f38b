import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCyrusConf } from "../cyrus-conf.ts";
import { parseImapdConf } from "../imapd-conf.ts";
import { makeServices, parseServices } from "../services.ts";
import { flagOf, programOf } from "./commands.ts";
import { lintConfiguration } from "./index.ts";

const services = makeServices(parseServices("imap 143/tcp\npop3 110/tcp\n"));

/** Findings as `FILE:LINE: TEXT`; i is imapd.conf, c is cyrus.conf. Lines that every configuration needs come first. */
function lint(imapdConf: string, cyrusConf = "", file = "i"): readonly string[] {
  const config = parseImapdConf(`configdirectory: /cd\npartition-default: /p\n${imapdConf}`, { file });
  const parsed = parseCyrusConf(cyrusConf, { file: "c", services, mode: "reload" });
  return lintConfiguration(config, parsed, services)
    .filter(
      ({ text }) =>
        !text.includes("not supported yet") && (file !== "i" || !text.includes("in their cmd=, these read")),
    )
    .map(({ file, line, text }) => `${file}:${line}: ${text}`);
}

const unknown = (line: number, name: string, reason: string): string =>
  `i:${line}: option '${name}' is unknown and has no effect; ${reason}`;

const lintStartEntry = (cmd: string): readonly string[] =>
  lint("duplicate_db_path: /run/cyrus/deliver.db", `START {\n a cmd="${cmd}"\n}\n`);
const late = "which may be empty or missing at start; move it from START to EVENTS";

const lintService = (args: string): readonly string[] => lint("", `SERVICES {\n a cmd=${args}\n}\n`);

const lmtpOn = (path: string): string => `SERVICES {\n lmtpunix cmd=/usr/lib/cyrus/lmtpd listen=${path}\n}\n`;

test("unknown settings", () => {
  assert.deepEqual(lint("expunge_mod: x"), [unknown(3, "expunge_mod", "did you mean expunge_mode?")]);
  assert.deepEqual(lint("squirrel: x"), [unknown(3, "squirrel", "Cyrus 3.6 has no such option")]);
  assert.deepEqual(lint("metapartition-x: /m"), [unknown(3, "metapartition-x", "there is no partition-x")]);
  assert.deepEqual(lint("t1searchpartition-x: /m"), [unknown(3, "t1searchpartition-x", "there is no partition-x")]);
  assert.deepEqual(lint("imap_timeout: 3"), [unknown(3, "imap_timeout", "there is no service 'imap' in cyrus.conf")]);
});

test("settings that administrators name", () => {
  const cyrus = "SERVICES {\n IMAP cmd=imapd listen=imap\n}\nDAEMON {\n idled cmd=idled\n}\n";
  const lines = [
    "metapartition-default: /m",
    "backuppartition-x: /b",
    "sasl_foo: 1",
    "xlist-sent: Sent",
    "autocreate_acl: a b lrs",
    "imap_timeout: 40m",
    "imap_sasl_mech_list: PLAIN",
    "idled_debug: yes",
    "quota_debug: no",
    "cyr_expire_debug: no",
    "sync_log_channels: repl1",
    "repl1_sync_host: h",
    "serverlist: mail1.example.org mail2.example.org",
    "lmtp_preauth_anywhere: yes",
    "mail1_mechs: PLAIN",
  ];
  assert.deepEqual(lint(lines.join("\n"), cyrus), []);
  assert.deepEqual(lint("repl2_sync_host: h\nmail1_mechs: PLAIN").length, 2);
});

test("values of services and channels are checked before they fail to start", () => {
  const cyrus = "SERVICES {\n imap cmd=imapd listen=imap\n}\n";
  const [finding, ...rest] = lint("imap_timeout: soon", cyrus);
  assert.match(finding!, /^i:3: unparsable duration 'soon' for imap_timeout in line 3: write it like/);
  assert.deepEqual(rest, []);
});

test("options without effect, and old names", () => {
  assert.deepEqual(lint("mboxlist_db: flat\ntls_cert_file: /x"), [
    "i:3: Option 'mboxlist_db' is accepted without effect: the data is kept in the embedded database, whatever format is named here",
    "i:4: Option 'tls_cert_file' is deprecated in favor of 'tls_server_cert' since version 2.5.0.",
  ]);
});

test("partitions inside each other", () => {
  assert.deepEqual(lint("partition-b: /p/b/"), [
    "i:3: partition-b (/p/b) lies inside partition-default (/p); give each a directory of its own",
  ]);
  assert.deepEqual(lint("partition-b: /pb\nmetapartition-b: /p"), [
    "i:4: metapartition-b (/p) is the same directory as partition-default (/p); give each a directory of its own",
  ]);
  assert.deepEqual(lint("partition-b: /"), [
    "i:1: configdirectory (/cd) lies inside partition-b (/); give each a directory of its own",
    "i:2: partition-default (/p) lies inside partition-b (/); give each a directory of its own",
  ]);
});

test("what a start would refuse", () => {
  assert.match(lint("proc_path: x")[0]!, /^i:3: proc_path must be an absolute path: /);
  assert.match(lint("defaultpartition: x")[0]!, /^i:3: partition-x option not specified in configuration file: /);
});

test("START entries", () => {
  assert.deepEqual(lintStartEntry("ctl_cyrusdb -r"), []);
  assert.deepEqual(lintStartEntry("cyr_expire -E 3"), [
    `c:2: a: 'cyr_expire -E 3' works on the ephemeral database /run/cyrus/deliver.db, ${late}`,
  ]);
  for (const cmd of ["ctl_deliver -E 3", "cyr_ctl_deliver -E 3", "/usr/sbin/cyrus ctl_deliver -E3"]) {
    assert.deepEqual(lintStartEntry(cmd), [
      `c:2: a: '${cmd}' works on the ephemeral database /run/cyrus/deliver.db, ${late}`,
    ]);
  }
  assert.deepEqual(lintStartEntry("/usr/sbin/cyrus tls_prune"), [
    `c:2: a: '/usr/sbin/cyrus tls_prune' works on the ephemeral database /cd/tls_sessions.db, ${late}`,
  ]);
  assert.deepEqual(lintStartEntry("cvt_cyrusdb /run/cyrus/deliver.db flat /x twoskip"), [
    `c:2: a: it names the ephemeral path /run/cyrus/deliver.db, ${late}`,
  ]);
  for (const cmd of ["idled", "squatter -R", "sync_client -r -n x", "promstatsd"]) {
    assert.deepEqual(lintStartEntry(cmd), [`c:2: a: '${cmd}' keeps running; move it from START to DAEMON`]);
  }
  for (const cmd of ["promstatsd -c", "squatter -i", "sync_client -u fred", "ctl_mboxlist -m"])
    assert.deepEqual(lintStartEntry(cmd), []);
});

test("programs that this version does not have", () => {
  const config = parseImapdConf("configdirectory: /cd\npartition-default: /p\n", { file: "i" });
  const conf = `START {
    a cmd="ctl_cyrusdb -r"
    b cmd="ctl_mboxlist -m"
    c cmd="/usr/sbin/cyrus ctl_deliver -E 3"
    d cmd="/opt/site/bin/squatter"
}
SERVICES {
    e cmd="/usr/lib/cyrus/bin/pop3d -s" listen=110
    f cmd="imapd" listen=143
    g cmd="site_program" listen=144
    h cmd="site_typo" listen=145
}
EVENTS {
    i cmd="/opt/site/gone" at=0400
}
`;
  const parsed = parseCyrusConf(conf, { file: "c", services });
  const has = (name: string): boolean => ["cyr_cyrusdb", "cyr_imapd", "cyr_ctl_deliver"].includes(name);
  const canRun = (command: string): boolean => ["/opt/site/bin/squatter", "site_program"].includes(command);
  assert.deepEqual(
    lintConfiguration(config, parsed, services, { has, canRun }).flatMap(({ line, text }) =>
      /version|executable/.test(text) ? [`${line}: ${text}`] : [],
    ),
    [
      "3: b: mboxlist is not part of this version; the entry is passed over",
      "8: e: pop3d is not part of this version; the service is disabled",
      "11: h: cannot find executable site_typo; the server will not start",
      "14: i: cannot find executable /opt/site/gone; the event will not run",
    ],
  );
});

test("a misspelt option of a service", () => {
  const conf = "SERVICES {\n imap cmd=imapd listen=imap\n}\n";
  assert.deepEqual(lint("imap_timout: 3", conf), [unknown(3, "imap_timout", "did you mean imap_timeout?")]);
  assert.deepEqual(lint("quota_debug: yes\ncyr_expire_debug: yes\ncyr_quota_debug: yes"), [
    unknown(5, "cyr_quota_debug", "there is no service 'cyr_quota' in cyrus.conf"),
  ]);
});

test("services", () => {
  assert.deepEqual(lintService("imapd listen=imap"), []);
  assert.deepEqual(lintService("imapd listen=imapx"), [
    "c:2: a: unknown service name 'imapx' for tcp; the service will be disabled. Give a port number, or add the name to /etc/services",
  ]);
  assert.deepEqual(lintService("mupdate listen=host:mupdate prefork=1"), [
    "c:2: a: 'mupdate' is not in /etc/services; it is taken for port 3905. Other programs need the line: mupdate 3905/tcp",
  ]);
  assert.deepEqual(lintService("notifyd listen=/cd/socket/notify"), [
    'c:2: a: notifyd reads datagrams; add proto="udp"',
    "c:2: a: notifyd should always run; add prefork=1",
  ]);
  assert.deepEqual(lintService("imapd listen=[::1]"), [
    "c:2: a: no port is given; the kernel will choose one that nobody knows",
  ]);
});

test("sockets that the two files name differently", () => {
  assert.deepEqual(lint("", lmtpOn("/cd/socket/lmtp")), []);
  assert.deepEqual(lint("", lmtpOn("/run/lmtp")), [
    "c:2: lmtpunix listens on /run/lmtp, but lmtpsocket is /cd/socket/lmtp by default; make them equal",
  ]);
  assert.deepEqual(lint("lmtpsocket: /run/l", lmtpOn("/run/lmtp")), [
    "c:2: lmtpunix listens on /run/lmtp, but lmtpsocket is /run/l (i:3); make them equal",
  ]);
});

test("events", () => {
  assert.deepEqual(lint("", "EVENTS {\n a cmd=x period=30\n b cmd=x at=0400\n}\n"), []);
  assert.equal(lint("", "EVENTS {\n a cmd=x period=3\n b cmd=x\n}\n").length, 2);
});

test("the program behind a command, whatever its name", () => {
  for (const cmd of ["imapd -s", "cyr_imapd -s", "/usr/lib/cyrus/bin/imapd -s"]) {
    assert.deepEqual(programOf(cmd.split(" ")), { program: "imapd", args: ["-s"] });
  }
  assert.deepEqual(programOf(["/usr/sbin/cyrus", "expire", "-E", "3"]), { program: "expire", args: ["-E", "3"] });
  assert.equal(flagOf(["-v", "-E3"], "E"), "3");
  assert.equal(flagOf(["-vE", "3"], "E"), "3");
  assert.equal(flagOf(["-v", "-C/etc/E.conf"], "E"), undefined);
});

test("programs that would read another imapd.conf, which may be a running Cyrus's", () => {
  const cyrus = `START {
 recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
 own cmd="/opt/site/bin/warm"
}
SERVICES {
 imap cmd="imapd -U 30 -C /srv/imapd.conf" listen=imap
 pop3 cmd="imapd -C /srv/old.conf" listen=pop3
 sieve cmd=/usr/lib/cyrus/bin/imapd listen=imap
}
`;
  assert.deepEqual(lint("", cyrus, "/srv/imapd.conf"), [
    "c:2: without -C /srv/imapd.conf in their cmd=, these read /etc/imapd.conf: recover, sieve",
    "c:7: without -C /srv/imapd.conf in their cmd=, these read /srv/old.conf: pop3",
  ]);
  assert.deepEqual(lint("", "DAEMON {\n idled cmd=idled\n}\n", "/etc/imapd.conf"), []);
});
