import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../base/fuzz.ts";
import { parseListen } from "./listen.ts";
import { target } from "./services.fuzz.ts";
import { builtInServices, loadServices, makeServices, parseServices } from "./services.ts";

/** As on a stock Debian: imap only as an alias, mupdate and others missing. */
const debian = makeServices(
  parseServices(
    "# comment\n\nimap2\t\t143/tcp\t\timap\t\t# Interim Mail Access\npop3 110/tcp pop-3\nodd 70000/tcp\nsieve 4191/tcp\n",
  ),
);

test("the file comes first, aliases count, our own table stands behind", () => {
  assert.equal(debian.port("imap", "tcp"), 143);
  assert.equal(debian.port("sieve", "tcp"), 4191);
  assert.equal(debian.port("mupdate", "tcp"), 3905);
  assert.equal(debian.port("odd", "tcp"), undefined);
  assert.equal(debian.port("fud", "udp"), 4201);
  assert.equal(debian.port("fud", "tcp"), undefined);
  assert.equal(debian.isBuiltIn("imap", "tcp"), false);
  assert.equal(debian.isBuiltIn("mupdate", "tcp"), true);
  assert.equal(debian.port("__proto__", "tcp"), undefined);
});

test("all names that packagers promise have their ports", () => {
  const wanted =
    "pop3 110 nntp 119 imap 143 nntps 563 imaps 993 pop3s 995 kpop 1109 lmtp 2003 smmap 2004 csync 2005 mupdate 3905 sieve 4190 http 80 https 443";
  const words = wanted.split(" ");
  const services = makeServices([]);
  for (let i = 0; i < words.length; i += 2) assert.equal(services.port(words[i]!, "tcp"), Number(words[i + 1]));
  assert.equal(new Set(builtInServices.map(({ name }) => name)).size, builtInServices.length);
});

test("a machine without /etc/services has the built-in names", () => {
  assert.equal(loadServices("/nonexistent/services").port("imaps", "tcp"), 993);
});

test("the forms of listen", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["/run/s", { kind: "unix", path: "/run/s" }],
    ["143", { kind: "inet", port: 143 }],
    ["mupdate", { kind: "inet", port: 3905 }],
    ["localhost:imap", { kind: "inet", host: "localhost", port: 143 }],
    ["127.0.0.1:24", { kind: "inet", host: "127.0.0.1", port: 24 }],
    [":24", { kind: "inet", port: 24 }],
    ["[::1]:993", { kind: "inet", host: "::1", port: 993 }],
    ["[fe80::1%eth0]:993", { kind: "inet", host: "fe80::1%eth0", port: 993 }],
    ["[127.0.0.1]:imap", { kind: "inet", host: "127.0.0.1", port: 143 }],
    ["[::1]", { kind: "inet", host: "::1", port: 0 }],
    ["host:", "invalid listen 'host:'"],
    ["[::1]x", "invalid listen '[::1]x'"],
    ["[::1]:", "invalid listen '[::1]:'"],
    ["[host]:1", "invalid listen '[host]:1'"],
    ["::1:143", "invalid listen '::1:143'"],
    ["", "invalid listen ''"],
    ["70000", "invalid port '70000'"],
    ["nosuch", "unknown service name 'nosuch' for tcp"],
    ["h:nosuch", "unknown service name 'nosuch' for tcp"],
    [`/${"x".repeat(107)}`, `socket path '/${"x".repeat(107)}' is too long: 107 octets are allowed`],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseListen(text, "tcp", debian), value, text);
  assert.equal(typeof parseListen("/a\nb", "tcp", debian), "string");
});

test("any octets are read", () => {
  fuzz(target, { seed: 20260103, iterations: 3_000 });
});
