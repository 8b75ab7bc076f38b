/** The toy store's rules: each verb runs alone inside the group's transaction, checks everything, then writes. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { messageOctets, type Action, type CopiedAnswer, type Outcome, type StoredAnswer } from "../workload/actions.ts";
import { sha1 } from "./toy-disk.ts";
import type { ToyFault } from "./toy-faults.ts";

class Refusal extends Error {}

interface Mailbox {
  readonly uniqueid: string;
  readonly name: string;
  readonly uidvalidity: number;
  readonly lastuid: number;
  readonly highestmodseq: number;
}
interface MessageRow {
  readonly uid: number;
  readonly flags: string;
  readonly internaldate: number;
  readonly octets: number;
  readonly guid: string;
}

export class ToyVerbs {
  private readonly database: DatabaseSync;
  private readonly fault: ToyFault | undefined;

  constructor(database: DatabaseSync, fault: ToyFault | undefined) {
    this.database = database;
    this.fault = fault;
  }
  run(action: Action): Outcome {
    this.database.exec("SAVEPOINT verb");
    try {
      const outcome = this.perform(action);
      this.database.exec("RELEASE verb");
      return outcome;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.database.exec(this.fault === "noSavepoint" ? "RELEASE verb" : "ROLLBACK TO verb; RELEASE verb");
      return { ok: false, refused: error.message };
    }
  }
  private perform(action: Action): Outcome {
    switch (action.verb) {
      case "create":
        return this.create(action.name);
      case "append": {
        const octets = messageOctets(action.message);
        return { ok: true, stored: [this.store(this.byName(action.name), octets, action.flags, action.internaldate)] };
      }
      case "deliver": {
        const octets = messageOctets(action.message);
        return { ok: true, stored: action.to.map((name) => this.store(this.byName(name), octets, [], 1_800_000_000)) };
      }
      case "flags":
        return this.flags(action);
      case "copy":
        return { ok: true, ...this.copy(action.from, action.uids, action.to) };
      case "move": {
        const copied = this.copy(action.from, action.uids, action.to);
        const uids = copied.copied.map(({ from }) => from);
        return { ok: true, ...copied, sourceModseq: this.expunge(this.byName(action.from), uids) };
      }
      case "expunge": {
        const mailbox = this.byName(action.name);
        const uids = this.rows(mailbox, action.uids).map(({ uid }) => uid);
        if (uids.length === 0) return { ok: true, changed: [] };
        const modseq = this.expunge(mailbox, uids);
        return { ok: true, changed: uids.map((uid) => ({ uid, modseq })) };
      }
      case "rename":
        return this.rename(action.from, action.to);
      case "delete":
        return this.delete(action.name);
      case "quota":
        this.do(
          "INSERT OR REPLACE INTO quota VALUES(?, ?, ?)",
          action.root,
          action.limitOctets,
          this.usedBelow(action.root),
        );
        return { ok: true };
      case "housekeeping":
        return { ok: true };
      case "acl":
      case "relocate":
        throw new Refusal("not here");
    }
  }

  private do(sql: string, ...values: SQLInputValue[]): void {
    this.database.prepare(sql).run(...values);
  }
  private get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.database.prepare(sql).get(...values) as T | undefined;
  }
  private byName(name: string): Mailbox {
    const mailbox = this.get<Mailbox>("SELECT * FROM mailbox WHERE name = ?", name);
    if (!mailbox) throw new Refusal(`no mailbox ${name}`);
    return mailbox;
  }
  private rows({ uniqueid }: Mailbox, uids: readonly number[]): MessageRow[] {
    const find = "SELECT * FROM record WHERE uniqueid = ? AND uid = ? AND expunged = 0";
    return uids.flatMap((uid) => this.get<MessageRow>(find, uniqueid, uid) ?? []);
  }
  private next(counter: string): number {
    this.do("UPDATE counter SET value = value + 1 WHERE name = ?", counter);
    return this.get<{ value: number }>("SELECT value FROM counter WHERE name = ?", counter)!.value;
  }

  private create(name: string): Outcome {
    if (this.get("SELECT 1 FROM mailbox WHERE name = ?", name)) throw new Refusal(`${name} exists`);
    const uidvalidity = this.next("uidvalidity");
    const uniqueid = sha1(Buffer.from(`mailbox ${this.next("uniqueid")}`)).slice(0, 24);
    this.do("INSERT INTO mailbox VALUES(?, ?, ?, 0, 1, 0, 0, 0, 0)", uniqueid, name, uidvalidity);
    return { ok: true, mailboxes: [{ name, uniqueid, uidvalidity }] };
  }
  private allot({ uniqueid, lastuid }: Mailbox): number {
    if (this.fault !== "uidFromRows") return lastuid + 1;
    const { last } = this.get<{ last: number | null }>(
      "SELECT max(uid) AS last FROM record WHERE uniqueid = ? AND expunged = 0",
      uniqueid,
    )!;
    this.do("DELETE FROM record WHERE uniqueid = ? AND uid > ?", uniqueid, last ?? 0);
    return (last ?? 0) + 1;
  }
  private store(mailbox: Mailbox, octets: Buffer, flags: readonly string[], internaldate: number): StoredAnswer {
    const uid = this.allot(mailbox);
    const modseq = mailbox.highestmodseq + 1;
    const guid = sha1(octets);
    this.insert(mailbox, uid, modseq, { flags: flags.join(" "), internaldate, octets: octets.length, guid });
    this.do("INSERT INTO pending(uniqueid, uid, guid, octets) VALUES(?, ?, ?, ?)", mailbox.uniqueid, uid, guid, octets);
    return { uid, uidvalidity: mailbox.uidvalidity, modseq };
  }
  private insert({ uniqueid, name }: Mailbox, uid: number, modseq: number, row: Omit<MessageRow, "uid">): void {
    const { flags, internaldate, octets, guid } = row;
    this.do(
      "INSERT INTO record VALUES(?, ?, ?, ?, ?, ?, ?, 0)",
      uniqueid,
      uid,
      modseq,
      flags,
      internaldate,
      octets,
      guid,
    );
    this.do("UPDATE mailbox SET lastuid = ?, highestmodseq = ? WHERE uniqueid = ?", uid, modseq, uniqueid);
    this.count(uniqueid, { ...row, uid }, 1);
    this.charge(name, octets);
  }
  private count(uniqueid: string, { flags, octets }: MessageRow, sign: 1 | -1): void {
    const has = (flag: string): number => (flags.split(" ").includes(flag) ? sign : 0);
    this.do(
      `UPDATE mailbox SET messages = messages + ?, unseen = unseen + ?, deleted = deleted + ?, octets = octets + ?
       WHERE uniqueid = ?`,
      sign,
      sign - has("\\Seen"),
      has("\\Deleted"),
      sign * octets,
      uniqueid,
    );
  }
  /** Quota roots are the inboxes. A limit refuses only after the use was changed: that is what the savepoint is for. */
  private charge(name: string, octets: number): void {
    const root = rootOf(name);
    this.do("UPDATE quota SET used = used + ? WHERE root = ?", octets, root);
    const quota = this.get<{ octets_limit: number; used: number }>("SELECT * FROM quota WHERE root = ?", root);
    if (quota && octets > 0 && quota.used > quota.octets_limit) throw new Refusal(`${root} is over quota`);
  }
  private usedBelow(root: string): number {
    const sql = "SELECT coalesce(sum(octets), 0) AS used FROM mailbox WHERE name = ? OR name LIKE ?";
    return this.get<{ used: number }>(sql, root, `${root}.%`)!.used;
  }

  private flags({ name, uids, add, remove }: Extract<Action, { verb: "flags" }>): Outcome {
    const mailbox = this.byName(name);
    const modseq = mailbox.highestmodseq + 1;
    const changed: number[] = [];
    for (const row of this.rows(mailbox, uids)) {
      const old = row.flags.split(" ").filter((flag) => flag !== "");
      const flags = [...new Set([...old, ...add])].filter((flag) => !remove.includes(flag)).join(" ");
      if (flags === row.flags) continue;
      this.count(mailbox.uniqueid, row, -1);
      this.count(mailbox.uniqueid, { ...row, flags }, 1);
      this.do(
        "UPDATE record SET flags = ?, modseq = ? WHERE uniqueid = ? AND uid = ?",
        flags,
        modseq,
        mailbox.uniqueid,
        row.uid,
      );
      changed.push(row.uid);
    }
    if (changed.length > 0)
      this.do("UPDATE mailbox SET highestmodseq = ? WHERE uniqueid = ?", modseq, mailbox.uniqueid);
    return { ok: true, changed: changed.map((uid) => ({ uid, modseq })) };
  }
  private copy(from: string, uids: readonly number[], to: string): { copied: CopiedAnswer[] } {
    const source = this.byName(from);
    const modseq = this.byName(to).highestmodseq + 1;
    const copied: CopiedAnswer[] = [];
    for (const row of this.rows(source, uids)) {
      const target = this.byName(to);
      const uid = this.allot(target);
      this.insert(target, uid, modseq, row);
      this.do(
        "INSERT INTO pending(uniqueid, uid, guid, source_uniqueid, source_uid) VALUES(?, ?, ?, ?, ?)",
        target.uniqueid,
        uid,
        row.guid,
        source.uniqueid,
        row.uid,
      );
      copied.push({ from: row.uid, to: uid, modseq });
    }
    return { copied };
  }
  private expunge(mailbox: Mailbox, uids: readonly number[]): number {
    const modseq = mailbox.highestmodseq + 1;
    for (const row of this.rows(mailbox, uids)) {
      this.count(mailbox.uniqueid, row, -1);
      this.charge(mailbox.name, -row.octets);
      this.do(
        "UPDATE record SET expunged = 1, modseq = ? WHERE uniqueid = ? AND uid = ?",
        modseq,
        mailbox.uniqueid,
        row.uid,
      );
    }
    this.do("UPDATE mailbox SET highestmodseq = ? WHERE uniqueid = ?", modseq, mailbox.uniqueid);
    return modseq;
  }
  private rename(from: string, to: string): Outcome {
    this.byName(from);
    const sql = "SELECT * FROM mailbox WHERE name = ? OR name LIKE ? ORDER BY name";
    const moved = this.database.prepare(sql).all(from, `${from}.%`) as unknown as Mailbox[];
    const mailboxes = moved.map((mailbox) => ({ ...mailbox, name: to + mailbox.name.slice(from.length) }));
    for (const [i, { name, uniqueid }] of mailboxes.entries()) {
      if (this.get("SELECT 1 FROM mailbox WHERE name = ?", name)) throw new Refusal(`${name} exists`);
      this.do("UPDATE mailbox SET name = ? WHERE uniqueid = ?", name, uniqueid);
      const { octets } = this.get<{ octets: number }>("SELECT octets FROM mailbox WHERE uniqueid = ?", uniqueid)!;
      this.charge(moved[i]!.name, -octets);
      this.charge(name, octets);
    }
    return {
      ok: true,
      mailboxes: mailboxes.map(({ name, uniqueid, uidvalidity }) => ({ name, uniqueid, uidvalidity })),
    };
  }
  private delete(name: string): Outcome {
    const { uniqueid } = this.byName(name);
    const { octets } = this.get<{ octets: number }>("SELECT octets FROM mailbox WHERE uniqueid = ?", uniqueid)!;
    this.charge(name, -octets);
    this.do("UPDATE record SET expunged = 1 WHERE uniqueid = ?", uniqueid);
    this.do("DELETE FROM mailbox WHERE uniqueid = ?", uniqueid);
    return { ok: true };
  }
}

function rootOf(name: string): string {
  return name.split(".").slice(0, 2).join(".");
}
