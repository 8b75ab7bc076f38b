/** Pasargad from this checkout, started by its own master. */
import { spawnSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { collectable } from "../measure/garbage.ts";
import { syncFilesystem } from "../measure/page-cache.ts";
import { openAccount } from "../measure/process-account.ts";
import { createByAdmin } from "./create-users.ts";
import type { ServerKind } from "./server.ts";
import { endAll, freePorts, untilGreets } from "./wait.ts";

const repository = resolve(import.meta.dirname, "../..");
const programs = process.env["PASARGAD_BENCH_BIN"] ?? join(repository, "bin");
const password = "secret";
const admin = "cyrus";
const quiesceTimeoutMs = 120_000;

export const pasargad: ServerKind = {
  name: "pasargad",

  missing: () => (existsSync(join(programs, "cyr_master")) ? undefined : `no ${programs}/cyr_master`),

  // The store's form changes with its sources.
  formatKey() {
    const paths = ["src/store", "src/formats"];
    const { stdout } = spawnSync("git", ["log", "-1", "--format=%h", "--", ...paths], {
      cwd: repository,
      encoding: "utf8",
    });
    return stdout.trim() || "unversioned";
  },

  async start(dir, options = {}) {
    const root = process.getuid?.() === 0;
    for (const name of ["", "conf", "conf/socket", "conf/lock", "conf/proc", "conf/db", "spool", "sieve"]) {
      mkdirSync(join(dir, name), { recursive: true });
      if (root) chownSync(join(dir, name), idOf("-u"), idOf("-g"));
    }
    const [imapPort = 0, lmtpPort = 0] = await freePorts(2);
    writeFileSync(join(dir, "imapd.conf"), imapdConf(dir, root));
    writeFileSync(join(dir, "cyrus.conf"), cyrusConf(dir, imapPort, lmtpPort));
    const log = openSync(join(dir, "master.log"), "a");
    const account = openAccount("pasargad");
    const args = ["-C", join(dir, "imapd.conf"), "-M", join(dir, "cyrus.conf"), "-p", join(dir, "master.pid"), "-D"];
    const destination = existsSync("/dev/log") ? "syslog" : `file:${join(dir, "log")}`;
    const env = { ...process.env, PASARGAD_LOG: destination };
    const master = account.spawn(join(programs, "cyr_master"), args, {
      env: options.collectable ? collectable(env) : env,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    const stop = async (): Promise<void> => {
      await endAll(master, account);
      account.close();
    };
    try {
      await untilGreets(imapPort, "* OK", master);
      await untilGreets(lmtpPort, "220 ", master);
    } catch (error) {
      await stop();
      const logs = ["master.log", "log"].map((name) => join(dir, name)).filter((path) => existsSync(path));
      const output = logs.map((path) => readFileSync(path, "utf8").slice(-2_000)).join("\n");
      throw new Error(`Pasargad did not start: ${String(error)}\n${output}`, { cause: error });
    }
    const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
    return {
      name: "pasargad",
      version,
      configuration: "alwaystrue passwords, one shard, prefork 1, delayed delete and expunge, duplicate suppression",
      imapPort,
      lmtpPort,
      password,
      dir,
      account,
      collectable: options.collectable === true,
      coldPaths: (user) => ({ messages: mailDirOf(dir, user), index: join(dir, "conf/store") }),
      async quiesce() {
        await untilNothingPending(join(dir, "conf/store"));
        syncFilesystem(dir);
      },
      stop,
    };
  },

  createUsers: (server, users) => createByAdmin(server, { user: admin, password }, users),
};

function idOf(flag: "-u" | "-g"): number {
  return Number(spawnSync("id", [flag, "mail"], { encoding: "utf8" }).stdout);
}

/** The writer deletes rows of `pending` once their message files are durable. */
async function untilNothingPending(store: string): Promise<void> {
  const shards = readdirSync(store).filter((name) => /^\d+\.db$/.test(name));
  const databases = shards.map((name) => new DatabaseSync(join(store, name), { readOnly: true }));
  try {
    const until = Date.now() + quiesceTimeoutMs;
    for (const database of databases) {
      const query = database.prepare("SELECT EXISTS (SELECT 1 FROM pending) AS waiting");
      while (query.get()?.["waiting"] === 1) {
        if (Date.now() > until) throw new Error(`pending is not empty after ${quiesceTimeoutMs} ms`);
        await sleep(20);
      }
    }
  } finally {
    for (const database of databases) database.close();
  }
}

/** The UUID layout: the mailbox's directory has its uniqueid as name, and the list knows which that is. */
function mailDirOf(dir: string, user: string): string {
  const database = new DatabaseSync(join(dir, "conf/store/0.db"), { readOnly: true });
  try {
    // Names are kept as sort keys, their levels joined by 0x1F.
    const row = database.prepare("SELECT uniqueid FROM list WHERE name = ?").get(`user\x1f${user}`);
    const uniqueid = String(row?.["uniqueid"]);
    return join(dir, "spool/uuid", uniqueid.charAt(0), uniqueid.charAt(1), uniqueid);
  } finally {
    database.close();
  }
}

function imapdConf(dir: string, root: boolean): string {
  return `configdirectory: ${dir}/conf
defaultpartition: default
partition-default: ${dir}/spool
sievedir: ${dir}/sieve
mboxname_lockpath: ${dir}/conf/lock
proc_path: ${dir}/conf/proc
lmtpsocket: ${dir}/conf/socket/lmtp
idlesocket: ${dir}/conf/socket/idle
notifysocket: ${dir}/conf/socket/notify
${root ? "cyrus_user: mail\n" : ""}servername: bench.example
admins: ${admin}
allowplaintext: yes
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
unixhierarchysep: yes
altnamespace: yes
hashimapspool: yes
umask: 077
`;
}

function cyrusConf(dir: string, imapPort: number, lmtpPort: number): string {
  const conf = `-C ${dir}/imapd.conf`;
  return `SERVICES {
  imap cmd="imapd ${conf}" listen="127.0.0.1:${imapPort}" prefork=1
  lmtp cmd="lmtpd ${conf} -a" listen="127.0.0.1:${lmtpPort}" prefork=1
}
DAEMON {
  idled cmd="idled ${conf}"
}
`;
}
