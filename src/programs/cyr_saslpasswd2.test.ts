import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { passwordMatches } from "../formats/sasl/index.ts";
import { UserLookup } from "../server/auth/index.ts";

const directory = mkdtempSync(join(tmpdir(), "saslpasswd-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const conf = join(directory, "imapd.conf");
writeFileSync(conf, `configdirectory: ${directory}\nservername: mail.example.org\ncyrus_user: root\n`);

function run(program: string, args: string[], input = ""): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, `${program}.ts`), ...args],
    {
      encoding: "utf8",
      input,
      env: { ...process.env, PASARGAD_LOG: "stderr" },
    },
  );
  return { status, out: stdout, err: stderr };
}

test("a user is created, listed, changed and removed", async () => {
  const passwd = (args: string[], input?: string) => run("cyr_saslpasswd2", ["-C", conf, ...args], input);
  assert.equal(passwd(["-p", "alice"], "secret\n").status, 1, "not without -c");
  assert.deepEqual(passwd(["-p", "-c", "alice"], "secret\n"), { status: 0, out: "", err: "" });
  assert.equal(passwd(["-pc", "-u", "example.net", "bob"], "pw").status, 0);
  assert.equal(passwd(["-l"]).out, "alice@mail.example.org: userPassword\nbob@example.net: userPassword\n");
  const path = join(directory, "sasldb.db");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const lookup = new UserLookup(path, "mail.example.org");
  after(() => lookup.close());
  assert.equal(await passwordMatches(lookup.find("alice")!.sha256!, "secret"), true);
  assert.equal(await passwordMatches(lookup.find("bob@example.net")!.sha1!, "pw"), true);
  const long = passwd(["-p", "-c", "carol"], `${"x".repeat(1_025)}\n`);
  assert.deepEqual(
    [long.status, long.err],
    [1, "cyr_saslpasswd2: the password is too long, 1024 octets are allowed\n"],
  );
  assert.equal(lookup.find("carol"), undefined);
  assert.equal(passwd(["-d", "alice"]).status, 0);
  assert.equal(passwd(["-d", "alice"]).status, 1);
  assert.equal(passwd([]).status, 64);
  assert.equal(passwd(["-Z", "x"]).status, 64);
});

test("only creating a user makes the database; one that cannot be read is said in one line", () => {
  const path = join(directory, "other.db");
  assert.deepEqual(run("cyr_saslpasswd2", ["-l", "-f", path]), { status: 0, out: "", err: "" });
  assert.match(
    run("cyr_saslpasswd2", ["-d", "-f", path, "x"]).err,
    /^cyr_saslpasswd2: user not found: \S+ does not exist\n$/,
  );
  assert.equal(run("cyr_saslpasswd2", ["-p", "-f", path, "x"], "pw\n").status, 1);
  assert.equal(existsSync(path), false);
  const loop = join(directory, "loop");
  symlinkSync("loop", loop);
  const looped = run("cyr_saslpasswd2", ["-l", "-f", loop]);
  assert.equal(looped.status, 1);
  assert.match(looped.err, /^cyr_saslpasswd2: ELOOP: .*\n$/);
});

test("cyr_tls_prune is content with nothing, leaves a key in use, removes an old or odd one", () => {
  const prune = () => run("cyr_tls_prune", ["-C", conf]);
  const path = join(directory, "tls_tickets.key");
  assert.deepEqual([prune().status, prune().out], [0, ""]);
  const write = (created: number): void =>
    writeFileSync(path, `pasargad-tickets-1 ${created} ${Buffer.alloc(48).toString("base64")}\n`, { mode: 0o600 });
  write(Math.floor(Date.now() / 1000));
  assert.equal(prune().status, 0);
  assert.equal(existsSync(path), true);
  write(1_000_000_000);
  assert.equal(prune().status, 0);
  assert.equal(existsSync(path), false);
});
