/** How programs are started: the links of the checkout, and what install-tree starts them with. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import { warmArguments } from "../../scripts/install/warm.ts";
import { parseMasterOptions } from "../../src/server/master/options.ts";

const root = resolve(import.meta.dirname, "../..");
const programs = globSync("src/programs/cyr_*.ts", { cwd: root })
  .map((file) => basename(file, ".ts"))
  .filter((name) => !name.endsWith(".test"))
  .sort();

test("bin/ has a link for each program, and for nothing else", () => {
  const links = readdirSync(join(root, "bin")).filter((name) => name.startsWith("cyr_"));
  assert.deepEqual(links.sort(), programs);
});

test("what install-tree starts programs with makes none of them work, though the machine has a configuration", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "warm-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "etc"));
  writeFileSync(
    join(dir, "etc/imapd.conf"),
    `configdirectory: ${dir}/conf\npartition-default: ${dir}/spool\ncyrus_user: root\n`,
  );
  writeFileSync(join(dir, "etc/cyrus.conf"), `START {\n mark cmd="/usr/bin/touch ${dir}/started"\n}\n`);
  const env = { PATH: process.env["PATH"], PASARGAD_LOG: "file:/dev/null", CYRUS_PREFIX: dir, CYRUS_USER: "root" };
  for (const name of programs) {
    const args = [
      "--disable-warning=ExperimentalWarning",
      join(root, `src/programs/${name}.ts`),
      ...warmArguments(name),
    ];
    const { error, signal } = spawnSync(process.execPath, args, { env, stdio: "ignore", timeout: 20_000, cwd: dir });
    assert.deepEqual([error, signal], [undefined, null], name);
  }
  assert.deepEqual(readdirSync(dir), ["etc"]);
  assert.equal(existsSync(join(dir, "started")), false);
});

test("the systemd unit lets master write where its arguments tell it to", () => {
  const unit = readFileSync(join(root, "packaging/pasargad.service"), "utf8");
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(unit)![1]!;
  const [program, ...args] = value("ExecStart").split(" ");
  assert.equal(program, "/usr/sbin/cyr_master");
  const { pidFile } = parseMasterOptions(args.filter((arg) => !arg.startsWith("$")));
  const writable = value("ReadWritePaths")
    .split(" ")
    .map((path) => path.replace(/^-/, ""));
  assert.ok(
    writable.some((path) => pidFile.startsWith(`${path}/`)),
    `${pidFile} is below none of ${writable.join(" ")}`,
  );
  // Made at each boot, for the user that the unit names.
  const tmpfiles = readFileSync(join(root, "packaging/pasargad.tmpfiles"), "utf8");
  const owned = [...tmpfiles.matchAll(/^d +(\S+) +\d+ +(\S+)/gm)].map(([, path, user]) => `${user} ${path}`);
  for (const path of writable) assert.ok(owned.includes(`${value("User")} ${path}`), path);
});
