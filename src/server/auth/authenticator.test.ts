import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { fuzz } from "../../base/fuzz.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { configFromText } from "../../config/index.ts";
import { Connection, type ConnectionHost, type TlsInfo } from "../connection/index.ts";
import { TimerWheel } from "../worker/timer-wheel.ts";
import { Authenticator, type AuthenticatorOptions } from "./authenticator.ts";
import type { LoginResult } from "./identity.ts";
import { LoginTurns } from "./login-turns.ts";
import { target } from "./parsers.fuzz.ts";
import { askSaslauthd, encodeSaslauthdRequest } from "./saslauthd.ts";
import type { ExchangeStep } from "./sasl-exchange.ts";
import { unixGroups } from "./unix-groups.ts";
import { newIterations, UserDatabase, UserLookup } from "./user-database.ts";
import { formatUserDeny, matchesWildmatList, parseUserDeny } from "./user-deny.ts";

const directory = mkdtempSync(join(tmpdir(), "auth-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const tls: TlsInfo = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  bits: 256,
  reused: false,
  hasClientCertificate: false,
  verifyError: undefined,
  commonName: undefined,
  logLine: "",
};

interface Bench {
  readonly authenticator: Authenticator;
  readonly lines: string[];
  connection(more?: { tls?: TlsInfo; localAddress?: string; acceptedAddress?: string }): Connection;
}

function bench(text: string, more: Partial<AuthenticatorOptions> = {}): Bench {
  const lines: string[] = [];
  const keep = (line: string): void => void lines.push(line);
  const log: Log = { ...silentLog, err: keep, notice: keep, warning: keep };
  const pause = text.includes("failedloginpause:") ? "" : "failedloginpause: 0\n";
  const config = configFromText(`configdirectory: ${directory}\n${pause}unix_group_enable: no\n${text}\n`);
  const authenticator = new Authenticator({
    config,
    log,
    service: "imap",
    saslService: "imap",
    serverName: "mail.example.org",
    logStyle: "session",
    ...more,
  });
  const host: ConnectionHost = {
    wheel: new TimerWheel({ onError: assert.ifError }),
    log,
    loginTimeoutMs: 60_000,
    tlsOptions: () => undefined,
    guard: (_connection, call, ...args) => void call(...args),
    identityChanged: () => {},
    closed: () => {},
  };
  return {
    authenticator,
    lines,
    connection({ tls, localAddress = "127.0.0.1", acceptedAddress } = {}) {
      const connection = new Connection(host, 1, new PassThrough(), "192.0.2.1", 1024);
      connection.localAddress = localAddress;
      connection.acceptedAddress = acceptedAddress;
      connection.tls = tls;
      after(() => connection.destroy());
      return connection;
    },
  };
}

const text = (result: LoginResult): string => (result.ok ? result.userid : `${result.reason}: ${result.text}`);

const users = new UserDatabase(join(directory, "sasldb.db"));
for (const name of ["alice", "cyrus", "proxy", "dave"]) users.setPassword({ name, realm: "" }, "secret");
users.setPassword({ name: "erin", realm: "mail.example.org" }, "secret");
after(() => users.close());
writeFileSync(
  join(directory, "user_deny.db"),
  formatUserDeny("dave", { services: "imap,imaps", message: "You are blocked" }),
);

test("user database: private file, realms, removal, and no foreign files", () => {
  assert.equal(statSync(join(directory, "sasldb.db")).mode & 0o777, 0o600);
  const lookup = new UserLookup(join(directory, "sasldb.db"), "mail.example.org");
  assert.ok(lookup.find("erin")?.sha256 && lookup.find("alice")?.sha1 && lookup.find("erin@mail.example.org"));
  assert.equal(lookup.find("nobody"), undefined);
  assert.equal(users.remove({ name: "nobody", realm: "" }), false);
  writeFileSync(join(directory, "sasldb2"), "\0\0\0\0not sqlite at all");
  assert.throws(() => new UserDatabase(join(directory, "sasldb2")), /not a user database/);
  assert.throws(() => new UserLookup(join(directory, "sasldb2"), "x").find("a"), /not a user database/);
  assert.equal(new UserLookup(join(directory, "absent"), "x").find("a"), undefined);
  lookup.close();
});

test("password logins and their log lines", async () => {
  const { authenticator, lines, connection } = bench("admins: cyrus");
  const login = (authcid: string, password: string, mechanism = "plaintext") =>
    authenticator.password({ authcid, password, mechanism, connection: connection(), sessionId: "s-1" });
  assert.equal(text(await login("ALICE", "secret")), "alice");
  assert.equal(text(await login("alice", "bad")), "credentials: authentication failure");
  assert.equal(text(await login("nobody", "secret", "PLAIN")), "credentials: authentication failure");
  assert.equal(text(await login("alice@mail.example.org", "secret")), "credentials: authentication failure");
  assert.equal(text(await login("al*ce", "secret")), "invalidUser: Invalid user");
  assert.equal(text(await login("anonymous", "x@y")), "anonymous: Anonymous login is not permitted");
  assert.equal(text(await login("dave", "secret")), "denied: authorization failure");
  const admin = await login("cyrus", "secret");
  assert.ok(admin.ok && admin.isAdmin);
  assert.deepEqual(lines, [
    "login: [192.0.2.1] alice plaintext User logged in SESSIONID=<s-1>",
    "badlogin: [192.0.2.1] plaintext (alice) [SASL(-13): authentication failure: checkpass failed]",
    "badlogin: [192.0.2.1] PLAIN (nobody) [SASL(-13): authentication failure: Password verification failed]",
    "badlogin: [192.0.2.1] plaintext (alice@mail.example.org) [SASL(-13): authentication failure: checkpass failed]",
    "badlogin: [192.0.2.1] plaintext (al*ce) invalid user",
    "badlogin: [192.0.2.1] anonymous login refused",
    "user 'dave' denied access to service 'imap'",
    "badlogin: [192.0.2.1] plaintext (dave) [user 'dave' is denied access to service 'imap']",
    "login: [192.0.2.1] cyrus plaintext User logged in SESSIONID=<s-1>",
  ]);
});

test("a changed password counts at once, also when the old one was remembered", async () => {
  const { authenticator, connection } = bench("");
  users.setPassword({ name: "carol", realm: "" }, "old");
  const login = (password: string) =>
    authenticator.password({ authcid: "carol", password, mechanism: "plaintext", connection: connection() });
  assert.equal((await login("old")).ok, true);
  users.setPassword({ name: "carol", realm: "" }, "new");
  assert.equal((await login("old")).ok, false);
  assert.equal((await login("new")).ok, true);
});

test("an unknown user's password is derived as a known one's is, and waits for its turn like it", async () => {
  const { authenticator, connection } = bench("allowplaintext: yes");
  const order: string[] = [];
  const ask = async (authcid: string): Promise<string> => {
    const login = { authcid, password: "guess", mechanism: "plaintext", connection: connection() };
    const answer = text(await authenticator.password(login));
    order.push(authcid);
    return answer;
  };
  // Two derivations at once; whoever needs none would be first.
  const answers = await Promise.all(["alice", "cyrus", "nobody"].map(ask));
  assert.deepEqual(new Set(answers), new Set(["credentials: authentication failure"]));
  assert.notEqual(order[0], "nobody");
  const known = new UserLookup(join(directory, "sasldb.db"), "x").find("alice");
  assert.equal(known?.sha256?.iterations, newIterations, "as many rounds as for nobody");
});

test("who asks and hangs up costs no check when the turn comes", async () => {
  const { authenticator, connection } = bench("allowplaintext: yes");
  const ask = (from: Connection): Promise<LoginResult> =>
    authenticator.password({ authcid: "alice", password: "guess", mechanism: "plaintext", connection: from });
  const waiting = [connection(), connection(), connection(), connection()];
  const answers = waiting.map(ask);
  waiting[2]!.destroy();
  assert.deepEqual(
    (await Promise.all(answers)).map((answer) => text(answer).replace(/:.*/, "")),
    ["credentials", "credentials", "unavailable", "credentials"],
  );
});

/** Which of the checks, each with an id, a backend was asked for; the answer to each is in the test's hands. */
function heldBackend() {
  const asked: { readonly password: string; readonly answer: (answer: "right" | "wrong") => void }[] = [];
  const backend = {
    method: "held",
    check: ({ password }: { readonly password: string }) =>
      new Promise<"right" | "wrong">((answer) => asked.push({ password, answer })),
  };
  return { asked, backend, passwords: () => asked.map(({ password }) => password) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("guesses of one client and one user take turns, the pause of a failed one included, also when it hung up", async () => {
  const { asked, backend, passwords } = heldBackend();
  // The pause is as good as endless here: whatever is checked does not wait for it.
  const { authenticator, connection } = bench("failedloginpause: 1h\nallowplaintext: yes", { backends: [backend] });
  const ask = (authcid: string, password: string, from = connection()): Promise<LoginResult> =>
    authenticator.password({ authcid, password, mechanism: "plaintext", connection: from });
  const first = connection();
  void ask("alice", "a1", first);
  void ask("ALICE", "a2");
  void authenticator.exchange("PLAIN", connection()).start(Buffer.from("\0alice\0a3").toString("base64"));
  void ask("bob", "b1");
  const elsewhere = connection();
  elsewhere.address = "192.0.2.2";
  const answer = ask("alice", "c1", elsewhere);
  await turn();
  assert.deepEqual(passwords(), ["a1", "b1", "c1"], "others do not wait");
  asked[0]!.answer("wrong");
  first.destroy();
  asked[2]!.answer("right");
  assert.equal(text(await answer), "alice");
  await turn();
  assert.deepEqual(passwords(), ["a1", "b1", "c1"]);
});

test("good passwords follow each other without a pause; who hung up takes no turn; one network of IPv6 is one client", async () => {
  const { asked, backend, passwords } = heldBackend();
  const { authenticator, connection } = bench("failedloginpause: 1h\nallowplaintext: yes", { backends: [backend] });
  const from = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:3::"].map((address) => {
    const one = connection();
    one.address = address;
    return one;
  });
  const answers = from.map((one, i) =>
    authenticator.password({ authcid: "alice", password: `p${i}`, mechanism: "plaintext", connection: one }),
  );
  await turn();
  assert.deepEqual(passwords(), ["p0"]);
  from[1]!.destroy();
  asked[0]!.answer("right");
  assert.equal(text(await answers[0]!), "alice");
  await turn();
  assert.deepEqual(passwords(), ["p0", "p2"]);
  asked[1]!.answer("right");
  assert.equal(text(await answers[2]!), "alice");
});

test("SCRAM proofs take turns as well, from the challenge on, however long the client has waited with its proof", async () => {
  const { authenticator, connection, lines } = bench("failedloginpause: 1h");
  const guess = async (user: string): Promise<Promise<ExchangeStep>[]> => {
    const exchange = authenticator.exchange("SCRAM-SHA-256", connection());
    const step = await exchange.start(Buffer.from(`n,,n=${user},r=nonce`).toString("base64"));
    assert.ok(step.kind === "challenge");
    const [, nonce] = /^r=([^,]*),/.exec(Buffer.from(step.text, "base64").toString())!;
    const proof = Buffer.alloc(32).toString("base64");
    return [exchange.respond(Buffer.from(`c=biws,r=${nonce},p=${proof}`).toString("base64"))];
  };
  await guess("alice");
  await guess("alice");
  await guess("nobody");
  await guess("nobody");
  await turn();
  const users = lines.map((line) => /\((\w+)\)/.exec(line)?.[1]);
  assert.deepEqual(users, ["alice", "nobody"], "one of each was looked at");
});

test("turns: no more than a few wait, none of them in vain, and a full table locks nobody out", async () => {
  const turns = new LoginTurns({ pairs: 1, waiting: 16 });
  const { promise, resolve } = Promise.withResolvers<string>();
  let hungUp = false;
  const ask = (userid: string, work: () => Promise<string>, isWanted = (): boolean => true) =>
    turns.run({ network: "net", userid, isWanted }, work);
  const all = [ask("alice", () => promise)];
  for (let i = 0; i < 16; i++)
    all.push(
      ask(
        "alice",
        () => Promise.resolve("guess"),
        () => !hungUp,
      ),
    );
  assert.equal(await ask("alice", () => Promise.resolve("one too many")), undefined);
  assert.equal(await ask("bob", () => Promise.resolve("bob")), "bob");
  hungUp = true;
  const stays = ask("alice", () => Promise.resolve("stays"));
  resolve("over");
  assert.deepEqual(await Promise.all(all), ["over", ...Array(16).fill(undefined)]);
  assert.equal(await stays, "stays");
  await assert.rejects(
    ask("alice", () => Promise.reject(new Error("fault"))),
    /fault/,
  );
  assert.equal(await ask("alice", () => Promise.resolve("next")), "next");
});

test("proxy authorization: admins and proxyservers only, or right a with loginuseacl", async () => {
  const options = "admins: cyrus\nproxyservers: proxy\nloginuseacl: yes";
  const { authenticator, connection } = bench(options, {
    hasAdminRightOn: (authid, userid) => authid === "alice" && userid === "shared",
  });
  const as = (authcid: string, authzid: string) =>
    authenticator.password({ authcid, authzid, password: "secret", mechanism: "PLAIN", connection: connection() });
  assert.equal(text(await as("alice", "bob")), "credentials: authentication failure");
  assert.equal(text(await as("alice", "shared")), "shared");
  assert.equal(text(await as("proxy", "bob")), "bob");
  assert.equal(text(await as("cyrus", "bad/name")), "credentials: authentication failure");
  const bob = await as("cyrus", "bob");
  assert.ok(bob.ok && bob.userid === "bob" && bob.authid === "cyrus" && !bob.isAdmin && !bob.isProxyAdmin);
  const cyrus = await as("proxy", "cyrus");
  assert.ok(cyrus.ok && !cyrus.isAdmin && cyrus.isProxyAdmin);
  assert.equal(text(await as("cyrus", "dave")), "dave", "user_deny.db does not bind admins");
  assert.equal(text(await as("proxy", "dave")), "denied: authorization failure");
});

test("the administrator of a domain acts for its users and for nobody else", async () => {
  users.setPassword({ name: "boss", realm: "example.org" }, "secret");
  const { authenticator, connection } = bench("virtdomains: userid\nadmins: cyrus boss@example.org");
  const as = async (authzid: string): Promise<string> => {
    const login = { authcid: "boss@example.org", authzid, password: "secret", mechanism: "PLAIN" };
    return text(await authenticator.password({ ...login, connection: connection() }));
  };
  assert.equal(await as("bob@example.org"), "bob@example.org");
  for (const other of [
    "bob",
    "cyrus",
    "bob@example.com",
    "bob@sub.example.org",
    "bob@notexample.org",
    "x@y@example.org",
  ])
    assert.equal(await as(other), "credentials: authentication failure", other);
});

test("login limits count sessions of the service", async () => {
  const sessions = [
    { service: "imap", userid: "alice", clientHost: "[192.0.2.9]" },
    { service: "imap", userid: "alice", clientHost: "[192.0.2.1]" },
    { service: "pop3", userid: "alice", clientHost: "[192.0.2.1]" },
  ];
  const { authenticator, connection } = bench("maxlogins_per_user: 2\nmaxlogins_per_host: 1", {
    sessions: async () => sessions,
  });
  const result = await authenticator.password({
    authcid: "alice",
    password: "secret",
    mechanism: "plaintext",
    connection: connection(),
  });
  assert.equal(text(result), "tooMany: Too many open connections (2 of 2 for alice, 1 of 1 from [192.0.2.1])");
});

test("two logins at once do not both get the last place", async () => {
  const sessions: { service: string; userid: string; clientHost: string }[] = [];
  const { authenticator, connection } = bench("sasl_pwcheck_method: alwaystrue\nmaxlogins_per_user: 1", {
    sessions: async () => [...sessions],
  });
  const login = async () => {
    const one = connection({ localAddress: "127.0.0.1" });
    one.host.identityChanged = ({ userid, peer }) => void sessions.push({ service: "imap", userid, clientHost: peer });
    const result = await authenticator.password({
      authcid: "alice",
      password: "x",
      mechanism: "plaintext",
      connection: one,
    });
    return text(result);
  };
  assert.deepEqual((await Promise.all([login(), login(), login()])).sort(), [
    "alice",
    "tooMany: Too many open connections (1 of 1 for alice)",
    "tooMany: Too many open connections (1 of 1 for alice)",
  ]);
});

test("a service for administrators: nobody else counts as logged in, not for a moment", async () => {
  const options = "sasl_pwcheck_method: alwaystrue\nadmins: cyrus boss\nallowanonymouslogin: yes\nproxyservers: proxy";
  const { authenticator, connection, lines } = bench(
    `${options}\nsasl_mech_list: PLAIN ANONYMOUS\nallowplaintext: yes`,
    {
      requiresAdmin: true,
      logStyle: "plain",
    },
  );
  const login = async (authcid: string, authzid = "") => {
    const one = connection({ localAddress: "127.0.0.1" });
    const result = await authenticator.password({
      authcid,
      authzid,
      password: "x",
      mechanism: "PLAIN",
      connection: one,
    });
    return `${text(result)} [${one.userid}]`;
  };
  lines.length = 0;
  const refused = "credentials: authentication failure []";
  assert.equal(await login("alice"), refused);
  assert.equal(await login("cyrus", "alice"), refused);
  assert.equal(await login("proxy", "cyrus"), refused);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("login:")),
    [],
  );
  assert.match(lines[0]!, /^badlogin: .* PLAIN \(alice\) \[not an admin\]$/);
  assert.equal(await login("cyrus"), "cyrus [cyrus]");
  assert.equal(await login("cyrus", "cyrus"), "cyrus [cyrus]");
  assert.deepEqual(authenticator.mechanismsFor(connection()), ["PLAIN"]);
});

test("groups of the login go with it, and may be administrators", async () => {
  const { authenticator, connection } = bench("sasl_pwcheck_method: alwaystrue\nadmins: group:staff", {
    groups: { groupsOf: (userid) => (userid === "alice" ? ["users", "staff"] : ["users"]) },
  });
  const login = async (authcid: string) => {
    const common = { password: "x", mechanism: "plaintext", connection: connection() };
    const result = await authenticator.password({ ...common, authcid });
    return result.ok && [result.groups, result.isAdmin];
  };
  assert.deepEqual(await login("alice"), [["users", "staff"], true]);
  assert.deepEqual(await login("bob"), [["users"], false]);
  assert.deepEqual(await login("staff"), [["users"], false]);
});

test("groups of /etc/group and /etc/passwd", () => {
  const [groupPath, passwdPath] = [join(directory, "group"), join(directory, "passwd")];
  writeFileSync(groupPath, "root:x:0:\nstaff:x:50:alice,bob\nusers:x:100:\n");
  writeFileSync(passwdPath, "alice:x:1000:100::/:\nroot:x:0:0::/:\n");
  const groups = unixGroups({ onError: assert.ifError, groupPath, passwdPath });
  assert.deepEqual(
    ["alice", "bob", "root", "carol"].map((name) => groups.groupsOf(name)),
    [["staff", "users"], ["staff"], ["root"], []],
  );
});

test("what is offered", () => {
  const offered = (options: string, more: { tls?: TlsInfo } = {}) => {
    const { authenticator, connection } = bench(options);
    return authenticator.mechanismsFor(connection(more)).join(" ");
  };
  const scram = "SCRAM-SHA-1 SCRAM-SHA-256";
  const plus = "SCRAM-SHA-1-PLUS SCRAM-SHA-1 SCRAM-SHA-256-PLUS SCRAM-SHA-256";
  assert.equal(offered(""), scram);
  assert.equal(offered("allowplaintext: yes"), `PLAIN LOGIN ${scram}`);
  assert.equal(offered("allowplaintext: yes\ntls_required: yes"), "");
  assert.equal(offered("tls_required: yes", { tls }), `PLAIN LOGIN ${plus}`);
  assert.equal(offered("allowplaintext: yes\nsasl_minimum_layer: 2"), "");
  assert.equal(offered("sasl_mech_list: plain scram-sha-256", { tls }), "PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256");
  assert.equal(offered("sasl_pwcheck_method: saslauthd\nallowplaintext: yes"), "PLAIN LOGIN");
  assert.equal(
    offered("sasl_pwcheck_method: saslauthd", { tls: { ...tls, commonName: "alice" } }),
    "PLAIN LOGIN EXTERNAL",
  );
});

test("alwaystrue only where nobody else can come, unless asked for", async () => {
  const login = (options: string, localAddress: string) => {
    const { authenticator, connection } = bench(`sasl_pwcheck_method: alwaystrue\n${options}`);
    const { password } = { password: "whatever" };
    return authenticator.password({
      authcid: "alice",
      password,
      mechanism: "plaintext",
      connection: connection({ localAddress }),
    });
  };
  assert.equal((await login("", "127.0.0.1")).ok, true);
  assert.equal((await login("", "")).ok, true);
  assert.equal((await login("", "192.0.2.10")).ok, false);
  assert.equal((await login("sasl_alwaystrue_anywhere: yes", "192.0.2.10")).ok, true);
});

test("imapd -N: no password, but only where nobody else can come", async () => {
  const { authenticator, connection, lines } = bench("");
  const login = (localAddress: string) =>
    authenticator.withoutPassword({ authcid: "alice", connection: connection({ localAddress }), sessionId: "s" });
  assert.equal(text(await login("127.0.0.1")), "alice");
  assert.equal(lines[0], "login: [192.0.2.1] alice nopassword User logged in SESSIONID=<s>");
  assert.equal(text(await login("192.0.2.10")), "credentials: authentication failure");
});

test("a PROXY header does not make a listener local that others can reach", async () => {
  const { authenticator, connection } = bench("sasl_pwcheck_method: alwaystrue");
  const login = (localAddress: string, acceptedAddress: string) => {
    const link = connection({ localAddress, acceptedAddress });
    return authenticator.password({ authcid: "alice", password: "x", mechanism: "PLAIN", connection: link });
  };
  assert.equal(text(await login("127.0.0.1", "127.0.0.1")), "alice");
  assert.equal(text(await login("127.0.0.1", "")), "alice");
  assert.equal(text(await login("127.0.0.1", "192.0.2.10")), "credentials: authentication failure");
  assert.equal(text(await login("192.0.2.10", "127.0.0.1")), "credentials: authentication failure");
});

const show = (step: ExchangeStep): string => {
  if (step.kind === "challenge") return `+ ${Buffer.from(step.text, "base64").toString()}`;
  return step.kind === "done" ? step.identity.userid : text(step.failure);
};

test("SASL exchanges", async () => {
  const { authenticator, connection, lines } = bench("allowplaintext: yes\nadmins: cyrus");
  const start = (mechanism: string, initial?: string) => {
    const exchange = authenticator.exchange(mechanism, connection(), { sessionId: "s" });
    return { exchange, first: exchange.start(initial) };
  };
  const base64 = (value: string): string => Buffer.from(value).toString("base64");
  assert.equal(show(await start("PLAIN", "AGFsaWNlAHNlY3JldA==").first), "alice");
  assert.equal(show(await start("plain", base64("bob\0cyrus\0secret")).first), "bob");
  assert.equal(show(await start("PLAIN", base64("bob\0alice\0secret")).first), "credentials: authentication failure");
  assert.equal(show(await start("BOGUS").first), "mechanism: no mechanism available");
  assert.equal(show(await start("PLAIN", "!!!").first), "syntax: bad protocol / cancel");
  const empty = start("PLAIN");
  assert.equal(show(await empty.first), "+ ");
  assert.equal(show(await empty.exchange.respond("*")), "aborted: Client canceled authentication");
  const login = start("LOGIN");
  assert.equal(show(await login.first), "+ Username:");
  assert.equal(show(await login.exchange.respond(base64("alice"))), "+ Password:");
  assert.equal(show(await login.exchange.respond(base64("secret"))), "alice");
  assert.ok(lines.includes("login: [192.0.2.1] alice LOGIN User logged in SESSIONID=<s>"));
});

test("SCRAM-SHA-256 with stored verifiers; unknown users see the same kind of challenge", async () => {
  const { authenticator, connection, lines } = bench("");
  const run = async (user: string, password: string): Promise<string> => {
    const exchange = authenticator.exchange("SCRAM-SHA-256", connection());
    const bare = `n=${user},r=clientnonce`;
    const step = await exchange.start(Buffer.from(`n,,${bare}`).toString("base64"));
    assert.ok(step.kind === "challenge");
    const server = Buffer.from(step.text, "base64").toString();
    const [, nonce = "", salt = "", count = ""] = /^r=(.*),s=(.*),i=(\d+)$/.exec(server)!;
    const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(count), 32, "sha256");
    const key = createHmac("sha256", salted).update("Client Key").digest();
    const stored = createHash("sha256").update(key).digest();
    const last = `c=biws,r=${nonce}`;
    const signature = createHmac("sha256", stored).update(`${bare},${server},${last}`).digest();
    const proof = Buffer.from(key.map((octet, i) => octet ^ signature[i]!)).toString("base64");
    const answer = await exchange.respond(Buffer.from(`${last},p=${proof}`).toString("base64"));
    if (answer.kind !== "challenge") return show(answer);
    assert.match(show(answer), /^\+ v=/);
    return show(await exchange.respond(""));
  };
  assert.equal(await run("alice", "secret"), "alice");
  assert.equal(await run("alice", "wrong"), "credentials: authentication failure");
  assert.equal(await run("nobody", "secret"), "credentials: authentication failure");
  assert.match(lines.at(-1)!, /^badlogin: \[192.0.2.1\] SCRAM-SHA-256 \(nobody\) \[SASL\(-13\)/);
});

test("SCRAM challenges to an unknown user change no more than those to a known one", async () => {
  const challenge = async (server: Bench, mechanism: string, user: string): Promise<string> => {
    const step = await server.authenticator
      .exchange(mechanism, server.connection())
      .start(Buffer.from(`n,,n=${user},r=nonce`).toString("base64"));
    return show(step).replace(/^.*,s=/, "");
  };
  for (const mechanism of ["SCRAM-SHA-1", "SCRAM-SHA-256"]) {
    for (const user of ["alice", "nobody"]) {
      const [first, ...others] = await Promise.all([
        challenge(bench(""), mechanism, user),
        // Another process, and another spelling of the name.
        challenge(bench(""), mechanism, user),
        challenge(bench(""), mechanism, user.toUpperCase()),
      ]);
      for (const other of others) assert.equal(other, first, `${mechanism} ${user}`);
    }
  }
  const salts = await Promise.all(
    ["SCRAM-SHA-1", "SCRAM-SHA-256"].flatMap((mechanism) =>
      ["alice", "nobody", "noone"].map((user) => challenge(bench(""), mechanism, user)),
    ),
  );
  assert.equal(new Set(salts).size, salts.length);
  // The secret lies in the database, where another process finds it; it is no user.
  const secret = new UserLookup(join(directory, "sasldb.db"), "x").decoySecret();
  assert.equal(Buffer.from(secret ?? "", "base64").length, 32);
  assert.ok(users.list().every(({ name }) => name !== ""));
});

test("saslauthd: request octets, answers, silence", async () => {
  const hex = encodeSaslauthdRequest({ userid: "alice@example.com", password: "good", service: "imap" }).toString(
    "hex",
  );
  assert.equal(hex, "0005616c6963650004676f6f640004696d6170000b6578616d706c652e636f6d");
  const path = join(directory, "mux");
  let requests = 0;
  const server = createServer((socket) => {
    socket.on("data", (octets: Buffer) => {
      requests++;
      const password = octets.subarray(octets.readUInt16BE(0) + 4).toString("latin1");
      if (password.startsWith("good")) {
        socket.write(Buffer.from("\0", "latin1"));
        setImmediate(() => socket.end("\u0002OK"));
      } else if (password.startsWith("odd")) socket.end("\0\u0003odd");
      else if (!password.startsWith("hang")) socket.end("\0\u0018NO authentication failure");
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  after(() => server.close());
  const ask = (password: string) => askSaslauthd({ path, userid: "alice", password, service: "imap", timeoutMs: 100 });
  assert.equal(await ask("good"), true);
  assert.equal(await ask("bad"), false);
  await assert.rejects(ask("odd"), /neither OK nor NO/);
  await assert.rejects(ask("hang"), /no answer in time/);

  const { authenticator, connection } = bench(`sasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: ${path}`);
  const login = (password: string) =>
    authenticator.password({ authcid: "alice", password, mechanism: "plaintext", connection: connection() });
  const before = requests;
  assert.equal(text(await login("good")), "alice");
  assert.equal(text(await login("good")), "alice");
  assert.equal(requests, before + 1, "the second time it is remembered");
  assert.equal(text(await login("bad")), "credentials: authentication failure");
  const away = bench(`sasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: ${path}.none`);
  const result = await away.authenticator.password({
    authcid: "alice",
    password: "good",
    mechanism: "plaintext",
    connection: away.connection(),
  });
  assert.equal(text(result), "unavailable: generic failure");
});

test("while user_deny.db cannot be read nobody but administrators logs in", async () => {
  const path = join(directory, "deny-as-directory");
  mkdirSync(path);
  const { authenticator, connection, lines } = bench(`allowplaintext: yes\nadmins: cyrus\nuserdeny_db_path: ${path}`);
  const login = async (authcid: string): Promise<string> =>
    text(
      await authenticator.password({ authcid, password: "secret", mechanism: "plaintext", connection: connection() }),
    );
  assert.equal(await login("alice"), "unavailable: generic failure");
  assert.equal(await login("cyrus"), "cyrus");
  assert.match(lines.join("\n"), /IOERROR: EISDIR[^]*user_deny\.db cannot be read/);
});

test("user_deny.db: escapes and wildmats", () => {
  const line = Buffer.from("dave\t2\xff\x89imap,imaps\xff\x89You are blocked\n", "latin1");
  assert.deepEqual(formatUserDeny("dave", { services: "imap,imaps", message: "You are blocked" }), line);
  assert.deepEqual(parseUserDeny(line).get("dave"), { services: "imap,imaps", message: "You are blocked" });
  assert.equal(matchesWildmatList("*,!imap", "imap"), false);
  assert.equal(matchesWildmatList("!imap,*", "imap"), true);
  assert.equal(matchesWildmatList("imap?", "imaps"), true);
  assert.equal(matchesWildmatList("pop*", "imap"), false);
});

test("operator files: shutdown and message of the day", () => {
  mkdirSync(join(directory, "msg"));
  writeFileSync(join(directory, "msg", "shutdown.imap"), "Back at noon\nnot shown\n");
  writeFileSync(join(directory, "msg", "motd"), "[ALERT] hello\r\n");
  const { authenticator } = bench("");
  assert.equal(authenticator.files.shutdownText(), "Back at noon");
  assert.equal(authenticator.files.motd(), "ALERT] hello");
  assert.equal(authenticator.files.denial("dave"), "You are blocked");
  assert.equal(authenticator.files.denial("alice"), undefined);
});

test("no octets break the parsers", () => {
  fuzz(target, { seed: 7, iterations: 2_000 });
});
