/**
 * Debian's Cyrus 3.6.1 as an administrator would run it: sasldb accounts, delayed delete and expunge, duplicate
 * suppression, idled; LMTP on TCP with `-a`. No conversations, no search index.
 */
import { spawnSync } from "node:child_process";
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findCyrus } from "../../test/peers/cyrus.ts";
import { openAccount } from "../measure/process-account.ts";
import { syncFilesystem } from "../measure/page-cache.ts";
import { createByAdmin } from "./create-users.ts";
import type { ServerKind } from "./server.ts";
import { endAll, freePorts, untilGreets } from "./wait.ts";

const repository = resolve(import.meta.dirname, "../..");
const serverName = "bench.example";
const password = "secret";
const admin = "cyrus";

export const cyrus: ServerKind = {
  name: "cyrus",

  missing() {
    if (process.getuid?.() !== 0) return "Cyrus needs root here, to become its own user";
    if (!findCyrus()) spawnSync("sh", [join(repository, "test/peers/fetch-cyrus.sh")], { stdio: "inherit" });
    return findCyrus() ? undefined : "run test/peers/fetch-cyrus.sh";
  },

  formatKey: () => findCyrus()?.version ?? "none",

  async start(dir) {
    const installation = findCyrus();
    if (!installation) throw new Error("no Cyrus");
    const { bin, env, version } = installation;
    const uid = idOf("-u");
    const gid = idOf("-g");
    // lmtpd makes `stage.` when it is missing, and fails an assertion when eight of them do so at once.
    for (const name of [
      "",
      "conf",
      "conf/socket",
      "conf/lock",
      "conf/proc",
      "conf/db",
      "spool",
      "spool/stage.",
      "sieve",
    ]) {
      mkdirSync(join(dir, name), { recursive: true });
      chownSync(join(dir, name), uid, gid);
    }
    const [imapPort = 0, lmtpPort = 0] = await freePorts(2);
    writeFileSync(join(dir, "imapd.conf"), imapdConf(dir));
    writeFileSync(join(dir, "cyrus.conf"), cyrusConf(bin, dir, imapPort, lmtpPort));
    const log = openSync(join(dir, "master.log"), "a");
    const account = openAccount("cyrus");
    const args = ["-C", join(dir, "imapd.conf"), "-M", join(dir, "cyrus.conf"), "-p", join(dir, "master.pid"), "-D"];
    const master = account.spawn(join(bin, "master"), args, {
      env: { ...env, CYRUS_USER: "mail" },
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
      const output = readFileSync(join(dir, "master.log"), "utf8");
      throw new Error(`Cyrus did not start: ${String(error)}\n${output}`, { cause: error });
    }
    return {
      name: "cyrus",
      version,
      configuration: "alwaystrue passwords, idled, delayed delete and expunge, duplicate suppression, prefork 1",
      imapPort,
      lmtpPort,
      password,
      dir,
      account,
      collectable: false,
      // `hashimapspool`, `unixhierarchysep`: the first letter is a directory of its own.
      coldPaths: (user) => ({ messages: mailDirOf(dir, user) }),
      quiesce: async () => syncFilesystem(dir),
      stop,
    };
  },

  createUsers: (server, users) => createByAdmin(server, { user: admin, password }, users),
};

/** Cyrus 3.6 keeps a mailbox under its uniqueid, which `mbpath` tells. */
function mailDirOf(dir: string, user: string): string {
  const installation = findCyrus();
  if (!installation) throw new Error("no Cyrus");
  const args = ["-C", join(dir, "imapd.conf"), "-u", user];
  const { stdout, stderr } = spawnSync(join(installation.bin, "mbpath"), args, {
    env: { ...installation.env, CYRUS_USER: "mail" },
    encoding: "utf8",
  });
  const path = stdout.split("\n").find((line) => line.includes(dir));
  if (path === undefined) throw new Error(`mbpath ${user}: ${stderr}${stdout}`);
  return path.slice(path.indexOf(dir)).trim();
}

function idOf(flag: "-u" | "-g"): number {
  return Number(spawnSync("id", [flag, "mail"], { encoding: "utf8" }).stdout);
}

function imapdConf(dir: string): string {
  return `configdirectory: ${dir}/conf
defaultpartition: default
partition-default: ${dir}/spool
sievedir: ${dir}/sieve
mboxname_lockpath: ${dir}/conf/lock
proc_path: ${dir}/conf/proc
lmtpsocket: ${dir}/conf/socket/lmtp
idlesocket: ${dir}/conf/socket/idle
notifysocket: ${dir}/conf/socket/notify
cyrus_user: mail
servername: ${serverName}
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

function cyrusConf(bin: string, dir: string, imapPort: number, lmtpPort: number): string {
  const conf = `-C ${dir}/imapd.conf`;
  return `START {
  recover cmd="${bin}/ctl_cyrusdb ${conf} -r"
}
SERVICES {
  imap cmd="${bin}/imapd ${conf}" listen="127.0.0.1:${imapPort}" prefork=1
  lmtp cmd="${bin}/lmtpd ${conf} -a" listen="127.0.0.1:${lmtpPort}" prefork=1
}
DAEMON {
  idled cmd="${bin}/idled ${conf}"
}
EVENTS {
}
`;
}
