/** A real master: START, DAEMON, EVENTS, cyr_stored, pid file, background, and its end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { isAlive, makeSite, processesOf, type Site, testEnvironment, until } from "./master-harness.ts";

const launcher = resolve(import.meta.dirname, "../../bin/cyr_master");

/** A shell program that appends a line to the file `out`. */
function saying(site: Site, name: string, rest = ""): string {
  return site.script(name, `#!/bin/sh\necho "${name} $*" >> ${site.file("out")}\n${rest}\n`);
}
function said(site: Site): string[] {
  return existsSync(site.file("out")) ? readFileSync(site.file("out"), "latin1").trim().split(/ *\n/) : [];
}

test("START runs one after the other, 75 is no failure, and nothing of Cyrus's is in its environment", async (t) => {
  const site = makeSite(t);
  const slow = saying(site, "slow", "sleep 0.2; env > ${0%/*}/environment; exit 75");
  const fast = saying(site, "fast");
  site.conf(
    `START {\n one cmd="${slow} 1"\n two cmd="${fast} 2  3"\n}\nEVENTS {\n e cmd="${saying(site, "event")}"\n}`,
  );
  const master = site.start();
  await master.ready();
  assert.deepEqual(said(site).slice(0, 2), ["slow 1", "fast 2 3"]);
  assert.doesNotMatch(readFileSync(site.file("environment"), "latin1"), /^(CYRUS_SERVICE|CYRUS_ID|PASARGAD_DAEMON)/m);
  await until(() => said(site).length === 3, "the event");
});

for (const [what, command, line] of [
  ["that fails", "/bin/false", /process type:START name:one path:\/bin\/false age:\d\.\d{3}s pid:\d+ exited, status 1/],
  ["that does not exist", "/nonexistent/program", /can't exec \/nonexistent\/program for START one/],
] as const) {
  test(`a START entry ${what} ends the start with 1`, async (t) => {
    const site = makeSite(t);
    site.conf(`START {\n one cmd="${command}"\n two cmd="${saying(site, "two")}"\n}`);
    const master = site.start();
    assert.equal(await master.exit, 1);
    assert.match(master.output(), /fatal error: can't run startup/);
    assert.match(site.log(), line);
    assert.deepEqual(said(site), []);
    assert.deepEqual(processesOf(site), []);
  });
}

test("DAEMON: those with wait come first and in order; a dead one is replaced; all see their environment", async (t) => {
  const site = makeSite(t);
  const first = saying(
    site,
    "first",
    'sleep 0.1; echo "first ready" >> ${0%/*}/out; printf "ok\\r\\n" >&3; exec sleep 1000',
  );
  const second = saying(site, "second", 'printf "ok\\r\\n" >&3; exec sleep 1000');
  const other = saying(
    site,
    "other",
    'echo "$CYRUS_SERVICE $CYRUS_ID $CYRUS_ISDAEMON $$" >> ${0%/*}/env; exec sleep 1000',
  );
  site.conf(`DAEMON {\n c cmd="${other}"\n a cmd="${first}" wait=y\n b cmd="${second}" wait="yes"\n}`);
  const master = site.start();
  await master.ready();
  await until(() => existsSync(site.file("env")), "the last daemon");
  assert.deepEqual(said(site), ["first", "first ready", "second", "other"]);
  const [name, id, isDaemon, pid] = readFileSync(site.file("env"), "latin1").trim().split(" ");
  assert.deepEqual([name, id, isDaemon], ["c", "0", "1"]);
  process.kill(Number(pid), "SIGKILL");
  await until(() => said(site).length === 5, "a new daemon");
  assert.equal(await master.stop(), 0);
  assert.deepEqual(processesOf(site), []);
});

for (const [what, rest] of [
  ["says something else", 'printf "no!\\n" >&3; exec sleep 1000'],
  ["ends without a word", "exit 0"],
] as const) {
  test(`a waited daemon that ${what} ends the start with 78, and all others with it`, async (t) => {
    const site = makeSite(t);
    const good = saying(site, "good", 'printf "ok\\r\\n" >&3; exec sleep 1000');
    site.conf(`DAEMON {\n a cmd="${good}" wait=y\n b cmd="${saying(site, "bad", rest)}" wait=y\n}`);
    const master = site.start();
    assert.equal(await master.exit, 78);
    assert.match(site.log(), /ERROR: waitdaemon b\/daemon did not write "ok\\r\\n" to fd 3/);
    assert.match(master.output(), /fatal error: unable to spawn waitdaemon b\/daemon/);
    assert.deepEqual(processesOf(site), []);
  });
}

test("SIGHUP makes a daemon start again and runs events again", async (t) => {
  const site = makeSite(t);
  const daemon = saying(site, "daemon", "exec sleep 1000");
  const event = saying(site, "event");
  site.conf(
    `DAEMON {\n d cmd="${daemon} old"\n}\nEVENTS {\n e cmd="${event}" period=60\n f cmd="${event} late" at=0000\n}`,
  );
  const master = site.start();
  await master.ready();
  await until(() => said(site).length === 2, "daemon and event");
  site.conf(`DAEMON {\n d cmd="${daemon} new"\n}\nEVENTS {\n e cmd="${event} again" period=60\n}`);
  master.signal("SIGHUP");
  await until(() => said(site).length === 4, "daemon and event again");
  assert.deepEqual(said(site).slice(2).sort(), ["daemon new", "event again"]);
});

test("cyr_stored comes before everything, is replaced when it dies, and goes last", async (t) => {
  const site = makeSite(t);
  const out = JSON.stringify(site.file("out"));
  writeFileSync(
    join(site.programs, "cyr_stored.ts"),
    `import { appendFileSync, writeSync } from "node:fs";
     const say = (text) => appendFileSync(${out}, text + "\\n");
     say("stored " + process.argv.slice(2, 3));
     process.on("SIGTERM", () => { say("stored ends"); process.exit(0); });
     writeSync(Number(process.env.PASARGAD_READY_FD), "ok\\r\\n");
     setInterval(() => {}, 1000);\n`,
  );
  const trap =
    'trap \'echo "daemon ends" >> ${0%/*}/out; exit 0\' TERM; printf "ok\\r\\n" >&3; while :; do sleep 0.02; done';
  site.conf(
    `START {\n s cmd="${saying(site, "start")}"\n}\nDAEMON {\n d cmd="${saying(site, "daemon", trap)}" wait=y\n}`,
  );
  const master = site.start();
  await master.ready();
  assert.deepEqual(said(site), ["stored -C", "start", "daemon"]);
  const stored = processesOf(site).find((pid) => readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("cyr_stored"));
  process.kill(stored!, "SIGKILL");
  await until(() => said(site).length === 4, "a new cyr_stored");
  assert.equal(await master.stop(), 0);
  assert.deepEqual(said(site).slice(3), ["stored -C", "daemon ends", "stored ends"]);
});

test("after the sudden death of master its cyr_stored and its daemons end, and a new master starts", async (t) => {
  const site = makeSite(t);
  const door = resolve(import.meta.dirname, "../../src/server/master/tell-ready.ts");
  for (const name of ["cyr_stored", "cyr_idled"]) {
    writeFileSync(
      join(site.programs, `${name}.ts`),
      `import { tellReady } from ${JSON.stringify(door)};
       if (!tellReady(() => process.exit(0))) throw new Error("nobody waits");
       setInterval(() => {}, 1000);\n`,
    );
  }
  site.conf('DAEMON {\n idled cmd="idled" wait=y\n}');
  const master = site.start();
  await master.ready();
  assert.equal(processesOf(site).length, 3);
  master.signal("SIGKILL");
  await until(() => processesOf(site).length === 0, "the end of both");
  const next = site.start();
  await next.ready();
  assert.equal(await next.stop(), 0);
});

test("a cyr_stored whose configuration is wrong ends the start at once", async (t) => {
  const site = makeSite(t);
  writeFileSync(join(site.programs, "cyr_stored.ts"), "process.exit(78);\n");
  site.conf(`START {\n s cmd="${saying(site, "start")}"\n}`);
  const master = site.start();
  assert.equal(await master.exit, 78);
  assert.deepEqual(said(site), []);
});

test("SIGTERM leaves nothing behind, not even what ignores it or what children have left in their groups", async (t) => {
  const site = makeSite(t);
  const stubborn = saying(site, "stubborn", "trap '' TERM HUP INT; sleep 1000 & while :; do sleep 1; done");
  const parent = saying(site, "parent", "sleep 1000 & exit 0");
  site.conf(`DAEMON {\n d cmd="${stubborn}"\n}\nEVENTS {\n e cmd="${stubborn} event"\n}\nSTART {\n s cmd="/bin/true"\n}
    SERVICES {\n x cmd="${parent}" listen="${site.file("socket")}"\n}`);
  const master = site.start();
  await master.ready();
  await until(() => said(site).length === 2, "both");
  for (const signal of ["SIGQUIT", "SIGTERM"] as const) master.signal(signal);
  assert.equal(await master.exit, 0);
  await until(
    () => processesOf(site).length === 0,
    "no process left",
    () => JSON.stringify(processesOf(site)),
  );
  assert.match(site.log(), /attempting clean shutdown on signal/);
  assert.match(site.log(), /did not stop in time, killing it/);
  assert.match(site.log(), /All children have exited, closing down/);
  assert.ok(!existsSync(site.pidFile));
});

test("SIGTERM in the middle of START ends it", async (t) => {
  const site = makeSite(t);
  site.conf(`START {\n one cmd="${saying(site, "one", "exec sleep 1000")}"\n two cmd="${saying(site, "two")}"\n}`);
  const master = site.start();
  await until(() => said(site).length === 1, "the first");
  assert.equal(await master.stop(), 0);
  assert.deepEqual(said(site), ["one"]);
  assert.deepEqual(processesOf(site), []);
});

test("the pid file: its lock keeps a second master out, a left-over one is taken over", async (t) => {
  const site = makeSite(t);
  site.conf("");
  writeFileSync(site.pidFile, "999999\nleft over\n");
  const master = site.start();
  await master.ready();
  assert.equal(readFileSync(site.pidFile, "latin1"), `${master.pid}\n`);
  const second = site.start();
  assert.equal(await second.exit, 71);
  assert.match(second.output(), /fatal error: cannot get exclusive lock on pidfile/);
  master.signal("SIGKILL");
  await master.exit;
  const third = site.start();
  await third.ready();
  assert.equal(await third.stop(), 0);
});

test("-d returns when master runs, with the status of a start that fails, before START", async (t) => {
  const site = makeSite(t);
  site.conf(`START {\n one cmd="${saying(site, "one", "sleep 0.3; pwd > ${0%/*}/where")}"\n}`);
  const args = ["-d", "-C", site.file("imapd.conf"), "-M", site.file("cyrus.conf"), "-p", site.pidFile];
  const run = (): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [join(site.programs, "cyr_master.ts"), ...args], {
      env: testEnvironment(site),
      encoding: "latin1",
    });
  assert.equal(run().status, 0);
  const pid = Number(readFileSync(site.pidFile, "latin1"));
  t.after(() => isAlive(pid) && process.kill(pid, "SIGKILL"));
  assert.ok(isAlive(pid));
  await site.logged(/ready for work/);
  assert.equal(readFileSync(site.file("where"), "latin1").trim(), site.dir); // configdirectory
  const second = run();
  assert.equal(second.status, 71);
  assert.match(second.stderr, /cannot get exclusive lock on pidfile/);
  process.kill(pid, "SIGTERM");
  await until(() => !isAlive(pid), "its end");
  rmSync(site.file("imapd.conf"));
  assert.equal(run().status, 78);
});

test("the launcher: version, wrong flags, any directory, through links", (t) => {
  const site = makeSite(t);
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(launcher, args, { cwd: "/", env: testEnvironment(site), encoding: "latin1" });
  assert.match(run("-V").stdout, /^cyrus-imapd 3\.6\.1-Pasargad-\S+\n$/);
  assert.deepEqual([run("-d", "-D").status, run("-j", "0").status], [78, 78]);
  assert.match(run("-d", "-D").stderr, /Unable to be both debug and daemon mode/);
  // Links to links, also relative ones, lead back to the checkout; Cyrus's own names and Debian's front end as well.
  symlinkSync(launcher, site.file("cyr_master"));
  symlinkSync("cyr_master", site.file("master"));
  symlinkSync(resolve(launcher, "../launch"), site.file("cyrus"));
  symlinkSync(resolve(launcher, "../launch"), site.file("cyr_nothing"));
  for (const [name, ...args] of [
    ["./master", "-V"],
    ["./cyrus", "master", "-V"],
  ] as const) {
    const { stdout } = spawnSync(name, args, { cwd: site.dir, env: testEnvironment(site), encoding: "latin1" });
    assert.match(stdout, /^cyrus-imapd 3\.6\.1-Pasargad-/);
  }
  const nothing = spawnSync(site.file("cyr_nothing"), { encoding: "latin1" });
  assert.equal(nothing.status, 78);
  assert.match(nothing.stderr, /^cyr_nothing: cyr_nothing is not part of this version/);
  const missing = run("-C", site.file("none"));
  assert.equal(missing.status, 78);
  assert.match(missing.stderr, /fatal error: can't open configuration file/);
});

test("every program has its link in bin", () => {
  const links = new Set(readdirSync(resolve(launcher, "..")));
  const programs = readdirSync(resolve(launcher, "../../src/programs")).filter((name) => /^cyr_\w+\.ts$/.test(name));
  assert.deepEqual(
    programs.map((name) => name.slice(0, -".ts".length)).filter((name) => !links.has(name)),
    [],
  );
});

test("services get no descriptor but their own", { skip: !existsSync("/proc/self/fd") }, async (t) => {
  const site = makeSite(t);
  const list = "ls /proc/self/fd | sort -n | tr '\\n' ' '";
  site.conf(`DAEMON {\n d cmd="${saying(site, "daemon", `echo $(${list}) >> \${0%/*}/fds; exec sleep 1000`)}"\n}`);
  await site.start().ready();
  await until(
    () => existsSync(site.file("fds")) && readFileSync(site.file("fds"), "latin1").endsWith("\n"),
    "the list",
  );
  assert.match(readFileSync(site.file("fds"), "latin1"), /^0 1 2 3\n$/); // 3 is the directory that ls reads
});

test("metrics are written when they are asked for", async (t) => {
  const site = makeSite(t);
  site.imapdConf("prometheus_enabled: yes");
  site.conf(`SERVICES {\n x cmd="/bin/true" listen="${site.file("socket")}"\n}`);
  await site.start().ready();
  await until(() => existsSync(site.file("stats/master.txt")), "the file");
  const text = readFileSync(site.file("stats/master.txt"), "latin1");
  assert.match(text, /^cyrus_master_ready_workers\{service="x",family="unix"\} 0 \d{13}$/m);
});
