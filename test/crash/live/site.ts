/** A real server in a throw-away directory: cyr_master with cyr_stored, cyr_imapd and, where there is one, cyr_lmtpd. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../../../src/base/log.ts";
import { type Config, loadImapdConf } from "../../../src/config/index.ts";
import type { MboxName, UserId } from "../../../src/formats/ids.ts";
import { type Caller, openProgramMail, programCaller } from "../../../src/ops/index.ts";
import { scratchDirectory } from "../../simulation/disk/tree.ts";

const repository = resolve(import.meta.dirname, "../../..");
const lmtpProgram = join(repository, "src/programs/cyr_lmtpd.ts");
/** Much longer than anything takes. */
const patienceMs = 30_000;

export interface User {
  readonly name: string;
  readonly inbox: MboxName;
  readonly uniqueId: string;
  readonly caller: Caller;
}

export class Site {
  readonly dir = scratchDirectory("live");
  readonly users: User[] = [];
  config!: Config;
  imapPort = 0;
  /** 0: there is no LMTP. */
  lmtpPort = 0;
  private master: ChildProcess | undefined;
  private hasEnded = false;

  async start(users: number): Promise<void> {
    this.imapPort = await freePort();
    if (existsSync(lmtpProgram)) this.lmtpPort = await freePort();
    this.configure();
    await this.makeUsers(users);
    const args = ["-D", "-C", this.file("imapd.conf"), "-M", this.file("cyrus.conf"), "-p", this.file("pid")];
    const env = { ...process.env, PASARGAD_LOG: `file:${this.file("log")}`, CYRUS_USER: "root" };
    this.master = spawn(join(repository, "bin/cyr_master"), args, { env, stdio: "inherit" });
    this.master.on("exit", () => (this.hasEnded = true));
    await this.until(() => /ready for work/.test(this.log()), "ready for work");
  }
  async stop(): Promise<void> {
    const { master } = this;
    if (master && !this.hasEnded) {
      const ended = new Promise((done) => master.on("exit", done));
      master.kill("SIGTERM");
      await Promise.race([ended, delay(patienceMs, undefined, { ref: false })]);
      if (!this.hasEnded) master.kill("SIGKILL");
    }
  }
  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
  file(name: string): string {
    return join(this.dir, name);
  }
  log(): string {
    return existsSync(this.file("log")) ? readFileSync(this.file("log"), "latin1") : "";
  }
  /** Process ids of running programs of that name. */
  pids(program: string): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        const line = procFile(pid, "cmdline");
        return line.includes(`${program}.ts`) && line.includes(this.dir);
      })
      .map(Number);
  }
  async until(condition: () => boolean, what: string): Promise<void> {
    const end = performance.now() + patienceMs;
    while (!condition()) {
      if (this.hasEnded) throw new Error(`cyr_master has ended, waiting for ${what}:\n${this.log().slice(-3000)}`);
      if (performance.now() > end) throw new Error(`waited in vain for ${what}:\n${this.log().slice(-3000)}`);
      await delay(5);
    }
  }

  private configure(): void {
    const { dir } = this;
    for (const name of ["conf", "spool", "run"]) mkdirSync(this.file(name), { mode: 0o700 });
    writeFileSync(
      this.file("imapd.conf"),
      `configdirectory: ${dir}/conf
defaultpartition: default
partition-default: ${dir}/spool
admins: cyrus
servername: localhost
allowplaintext: yes
conversations: yes
delete_mode: delayed
expunge_mode: delayed
proc_path: ${dir}/run/proc
mboxname_lockpath: ${dir}/run/lock
duplicate_db_path: ${dir}/run/deliver.db
statuscache_db_path: ${dir}/run/statuscache.db
ptscache_db_path: ${dir}/run/ptscache.db
tls_sessions_db_path: ${dir}/run/tls_sessions.db
lmtpsocket: ${dir}/run/lmtp
`,
    );
    const lmtp =
      this.lmtpPort === 0
        ? ""
        : `lmtp cmd="lmtpd -a -C ${dir}/imapd.conf" listen="127.0.0.1:${this.lmtpPort}" prefork=1`;
    writeFileSync(
      this.file("cyrus.conf"),
      `SERVICES {\n  imap cmd="imapd -N -C ${dir}/imapd.conf" listen="127.0.0.1:${this.imapPort}" prefork=2\n  ${lmtp}\n}\n`,
    );
    this.config = loadImapdConf({ path: this.file("imapd.conf"), service: "test" });
  }
  private async makeUsers(count: number): Promise<void> {
    const mail = openProgramMail(this.config, silentLog, "test");
    const server = mail.as(programCaller("test"));
    for (let i = 0; i < count; i++) {
      const name = `k${i}`;
      const inbox = `user.${name}` as MboxName;
      const { uniqueId } = await server.ask("mailboxes.create", { name: inbox, byServer: true });
      const caller: Caller = { userId: name as UserId, groups: [], isAdmin: false, sessionId: "test" };
      this.users.push({ name, inbox, uniqueId, caller });
    }
    await mail.close();
  }
}

function procFile(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return ""; // it has ended meanwhile
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.on("error", fail).listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
