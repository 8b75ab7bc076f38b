/** A tree made by scripts/install-tree.ts runs without the checkout: programs, threads, and a whole server. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import { versionLine } from "../../src/config/version.ts";
import { until } from "./master-harness.ts";

const root = resolve(import.meta.dirname, "../..");

test("install-tree: programs, Cyrus's names, documents, and a server that starts", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tree-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const prefix = join(dir, "usr");
  const install = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [join(root, "scripts/install-tree.ts"), ...args], { encoding: "utf8" });
  assert.equal(install().status, 64);
  const installed = install(prefix, "--legacy-names");
  assert.equal(installed.status, 0, String(installed.stderr));

  const logFile = join(dir, "log");
  const env = { PATH: "/usr/bin:/bin", PASARGAD_LOG: `file:${logFile}`, CYRUS_USER: "root" };
  const run = (name: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } => {
    const { status, stdout, stderr } = spawnSync(join(prefix, name), args, { env, cwd: "/", encoding: "utf8" });
    return { status, stdout, stderr };
  };
  assert.deepEqual(run("sbin/cyr_master", "-V"), { status: 0, stdout: `${versionLine}\n`, stderr: "" });
  assert.equal(run("sbin/master", "-V").stdout, `${versionLine}\n`);
  const conf = join(dir, "imapd.conf");
  writeFileSync(conf, `configdirectory: ${dir}/conf\npartition-default: ${dir}/spool\n`);
  mkdirSync(join(dir, "conf"));
  assert.match(run("bin/cyr_info", "-C", conf, "conf-default").stdout, /^configdirectory: /m);
  const info = JSON.parse(run("sbin/cyr_buildinfo").stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(info), ["component", "dependency", "database", "search", "hardware"]);
  assert.equal(run("sbin/cyrus", "quota", "-C", conf).status, 0);
  assert.equal(run("sbin/ctl_cyrusdb").status, 255);
  assert.equal(run("sbin/cyrus", "nonsense").status, 78);

  // Every program of the checkout is there, in one place at least; nothing refers to the checkout.
  for (const file of globSync("src/programs/cyr_*.ts", { cwd: root })) {
    const name = basename(file, ".ts");
    if (name.endsWith(".test")) continue;
    const places = ["bin", "sbin", "libexec/pasargad"].map((place) => join(prefix, place, name));
    assert.ok(
      places.some((place) => existsSync(place)),
      name,
    );
    const bundle = readFileSync(join(prefix, "libexec/pasargad", `${name}.mjs`), "latin1");
    assert.ok(!bundle.includes(root), `${name} names the checkout`);
  }
  assert.ok(!readlinkSync(join(prefix, "sbin/cyr_quota")).startsWith("/"), "links are relative: the tree can be moved");
  for (const path of ["share/man/man8/cyr_master.8", "share/man/man8/cyr_reconstruct.8"]) {
    assert.ok(existsSync(join(prefix, path)), path);
  }
  assert.ok(globSync("share/doc/pasargad/examples/**/normal.conf", { cwd: prefix }).length === 2);

  const cyrusConf = join(dir, "cyrus.conf");
  writeFileSync(
    cyrusConf,
    `START {\n recover cmd="ctl_cyrusdb -C ${conf} -r"\n}\nEVENTS {\n checkpoint cmd="ctl_cyrusdb -C ${conf} -c" period=30\n}\n`,
  );
  const master = spawn(join(prefix, "sbin/master"), ["-C", conf, "-M", cyrusConf, "-p", join(dir, "pid")], {
    env,
    cwd: "/",
  });
  t.after(() => master.kill("SIGKILL"));
  let output = "";
  master.stderr.on("data", (piece: Buffer) => (output += piece.toString()));
  const exit = new Promise<number | null>((done) => master.on("exit", done));
  const log = (): string => output + (existsSync(logFile) ? readFileSync(logFile, "latin1") : "");
  await until(() => /ready for work/.test(log()), "ready for work", log);
  await until(() => /done checkpointing cyrus databases/.test(log()), "the checkpoint", log);
  // Made by the writer that runs, whose file thread writes its header file.
  assert.equal(run("sbin/reconstruct", "-C", conf, "-p", "default", "user/fred").stdout, "user/fred\n", log());
  const headers = (): string[] => globSync("spool/uuid/*/*/*/pasargad.header", { cwd: dir });
  await until(() => headers().length === 1, "the header file", log);
  master.kill("SIGTERM");
  assert.equal(await exit, 0, log());
});
