import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { loginLimitExceeded } from "./logins.ts";
import { addressGroup, PreLoginRegistry } from "./pre-login.ts";
import { FILE_LIMIT_OCTETS, HostAccess } from "./tcp-wrappers.ts";

test("before login: the oldest of an address makes room, then the oldest of all", () => {
  const registry = new PreLoginRegistry<string>({ perAddress: 2, inAll: 4 });
  assert.deepEqual(
    ["a1", "a2", "b1"].map((name) => registry.add(name, name[0]!)),
    [undefined, undefined, undefined],
  );
  assert.equal(registry.add("a3", "a"), "a1");
  registry.remove("a2");
  assert.equal(registry.add("a4", "a"), undefined);
  assert.equal(registry.add("c1", "c"), undefined);
  assert.equal(registry.add("d1", "d"), "b1");
  assert.equal(registry.size, 4);
  for (const name of ["a3", "a4", "c1", "d1", "never"]) registry.remove(name);
  assert.equal(registry.size, 0);
  for (const name of ["u1", "u2", "u3"]) assert.equal(registry.add(name, ""), undefined, "no cap on a Unix socket");
});

test("before login: a network of IPv6 counts as one address", () => {
  const groups = (...addresses: string[]): string[] => addresses.map(addressGroup);
  assert.deepEqual(groups("192.0.2.1", "", "2001:db8:1:2:3:4:5:6"), ["192.0.2.1", "", "2001:db8:1:2::/64"]);
  assert.deepEqual(
    groups("2001:db8:1:2::", "2001:db8:1:2::7", "2001:db8:1:2:3:4:5::"),
    Array(3).fill("2001:db8:1:2::/64"),
  );
  assert.deepEqual(groups("::1", "2001:db8::7", "fe80::1:2:3:4"), [
    "0:0:0:0::/64",
    "2001:db8:0:0::/64",
    "fe80:0:0:0::/64",
  ]);
  assert.notEqual(addressGroup("2001:db8:1:3::1"), addressGroup("2001:db8:1:2::1"));
  const registry = new PreLoginRegistry<string>({ perAddress: 2 });
  assert.deepEqual(
    ["::1", "::2", "::3"].map((end, n) => registry.add(`c${n}`, `2001:db8:1:2${end}`)),
    [undefined, undefined, "c0"],
  );
  assert.equal(registry.add("other", "2001:db8:1:3::1"), undefined);
});

test("logins per user and host", () => {
  const session = { service: "imap", userid: "alice", clientHost: "[192.0.2.1]" };
  const sessions = [session, session, { ...session, userid: "" }, { ...session, service: "pop3" }];
  const exceeded = (perUser: number, perHost: number) => loginLimitExceeded({ perUser, perHost }, session, sessions);
  assert.equal(exceeded(3, 3), undefined);
  assert.equal(exceeded(2, 0), "2 of 2 for alice");
  assert.equal(exceeded(0, 1), "2 of 1 from [192.0.2.1]");
});

test("hosts.allow and hosts.deny", () => {
  const directory = mkdtempSync(join(tmpdir(), "wrappers-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const problems: string[] = [];
  const log = { ...silentLog, warning: (text: string) => void problems.push(text) };
  const access = (allow: string, deny: string): HostAccess => {
    writeFileSync(join(directory, "allow"), allow);
    writeFileSync(join(directory, "deny"), deny);
    return new HostAccess(log, { allow: join(directory, "allow"), deny: join(directory, "deny") });
  };
  const allow =
    "# ours\nimap, pop3: LOCAL 192.0.2. EXCEPT 192.0.2.66\nimap: [2001:db8::]/32\nALL: 10.0.0.0/255.0.0.0 : deny\n";
  const rules = access(allow, "imap: ALL\nlmtp: .example.org\n");
  const verdict = (service: string, ...addresses: string[]) =>
    addresses.map((address) => rules.refuses(service, address));
  assert.deepEqual(verdict("imap", "127.0.0.1", "192.0.2.5", "2001:db8::7", ""), [false, false, false, false]);
  assert.deepEqual(verdict("imap", "192.0.2.66", "198.51.100.1", "2001:db9::7", "10.1.1.1"), [true, true, true, true]);
  assert.deepEqual(verdict("nntp", "10.1.1.1", "198.51.100.1"), [true, false]);
  assert.deepEqual(verdict("lmtp", "198.51.100.1"), [false]);
  assert.match(problems.join(), /"\.example\.org" is not an address/);
  assert.equal(
    new HostAccess(log, { allow: "/nonexistent/a", deny: "/nonexistent/b" }).refuses("imap", "192.0.2.1"),
    false,
  );
});

test("a hosts file that cannot be used refuses everybody, until it is in order", () => {
  const directory = mkdtempSync(join(tmpdir(), "wrappers-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const [allow, deny] = [join(directory, "hosts.allow"), join(directory, "hosts.deny")];
  const errors: string[] = [];
  let now = 0;
  const access = new HostAccess({ ...silentLog, err: (text) => void errors.push(text) }, { allow, deny }, () => now);
  const refuses = (address = "192.0.2.1"): boolean => {
    now += 10_000;
    return access.refuses("imap", address);
  };
  assert.equal(refuses(), false);
  const rule = "ALL: 192.0.2.1\n";
  writeFileSync(deny, rule + "#".repeat(FILE_LIMIT_OCTETS - rule.length));
  assert.deepEqual([refuses(), refuses("192.0.2.2")], [true, false]);
  writeFileSync(deny, "#".repeat(FILE_LIMIT_OCTETS + 1));
  assert.deepEqual([refuses(), refuses("127.0.0.1"), refuses("")], [true, true, false]);
  assert.equal(errors.length, 1, "said once");
  assert.match(errors[0]!, /hosts\.deny has 1048577 octets, more than 1048576: no connection over TCP is let in/);
  writeFileSync(deny, "");
  assert.equal(refuses(), false);
  mkdirSync(allow);
  assert.equal(refuses(), true);
  rmSync(allow, { recursive: true });
  assert.equal(refuses(), false);
  assert.equal(errors.length, 2);
});
