/** Logins with a real saslauthd: right, wrong and unknown, with and without a realm, and when it is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ensureSaslauthd } from "../peers/saslauthd.ts";
import { startServer } from "../support/server.ts";
import { ImapClient } from "../support/wire-client.ts";

test("IMAP logins are decided by saslauthd", async (t) => {
  const odd = 'p\\a"s s%+={}()*';
  const saslauthd = await ensureSaslauthd([
    { name: "cyrus", realm: "", password: "secret" },
    { name: "alice", realm: "", password: "of the host" },
    { name: "alice", realm: "example.com", password: "of the domain" },
    { name: "bob", realm: "", password: odd },
    { name: "erin", realm: "", password: "p\u00e4ssw\u00f6rt" },
  ]);
  if (typeof saslauthd === "string") return t.skip(saslauthd);
  t.after(async () => {
    await saslauthd.stop();
    saslauthd.remove();
  });
  t.diagnostic(saslauthd.version);
  const server = await startServer({
    users: ["alice", "alice@example.com", "bob", "erin"],
    imapdConf: `sasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: ${saslauthd.socketPath}\nvirtdomains: userid`,
  });
  t.after(() => server.stop());

  const login = async (user: string, password: string): Promise<string> => {
    const client = await ImapClient.open(server.imapPort);
    const quoted = password.replace(/["\\]/g, (octet) => `\\${octet}`);
    const answer = await client.command(`LOGIN ${user} "${quoted}"`);
    client.end();
    return answer.replace(/\[CAPABILITY [^\]]*\] | SESSIONID=\S+/g, "").trim();
  };
  const plain = async (user: string, password: string, authzid = ""): Promise<string> => {
    const client = await ImapClient.open(server.imapPort);
    const response = Buffer.from(`${authzid}\0${user}\0${password}`).toString("base64");
    const answer = await client.command(`AUTHENTICATE PLAIN ${response}`);
    client.end();
    return answer.replace(/\[CAPABILITY [^\]]*\] | SESSIONID=\S+/g, "").trim();
  };
  const yes = "TAG OK User logged in";
  const no = "TAG NO Login failed: authentication failure";
  assert.equal(await login("alice", "of the host"), yes);
  assert.equal(await login("alice@example.com", "of the domain"), yes);
  assert.equal(await login("bob", odd), yes);
  for (const [user, password] of [
    ["alice", "of the domain"],
    ["alice", "OF THE HOST"],
    ["alice", ""],
    ["alice@example.com", "of the host"],
    ["alice@example.org", "of the domain"],
    ["nobody", "secret"],
    ["nobody@example.com", "secret"],
  ] as const)
    assert.equal(await login(user, password), no, `${user} ${password}`);
  assert.equal(await plain("alice", "of the host"), "TAG OK Success (no protection)");
  assert.equal(await plain("erin", "p\u00e4ssw\u00f6rt"), "TAG OK Success (no protection)");
  assert.equal(await plain("cyrus", "secret", "alice"), "TAG OK Success (no protection)");
  assert.match(await plain("alice", "wrong"), /^TAG NO authentication failure/);
  assert.match(await plain("alice", "of the host", "bob"), /^TAG NO authentication failure/);
  // It is told the realm apart, and the name of the service.
  assert.match(saslauthd.log(), /auth failure: \[user=alice\] \[service=imap\] \[realm=example\.org\] \[mech=sasldb\]/);
  assert.match(saslauthd.log(), /auth failure: \[user=nobody\] \[service=imap\] \[realm=\]/);

  // A right answer is remembered for a minute, a wrong one is not: a new password counts at once.
  saslauthd.setPassword({ name: "alice", realm: "", password: "another" });
  assert.equal(await login("alice", "another"), yes);

  await saslauthd.stop();
  assert.equal(await login("nobody", "secret"), "TAG NO Login failed: generic failure");
  assert.equal(await login("alice", "never tried"), "TAG NO Login failed: generic failure");
  assert.match(server.log(), /saslauthd at \S+mux: connect E/);
  assert.deepEqual(server.faults(), []);
});
