/** What belongs to a user and to no mailbox: subscriptions, and seen state of other people's mailboxes. */
import type { MboxName, UniqueId } from "../formats/ids.ts";
import type { Database } from "./database.ts";
import { keyOf, nameOf, type NameKey } from "./keys.ts";

export interface SeenState {
  /** Epoch seconds. */
  readonly lastRead: number;
  /** Highest uid this user was told of as \Recent. */
  readonly recentUid: number;
  readonly lastChange: number;
  /** Uids seen, as an IMAP uid set: `1:5,9`. "" for none. */
  readonly uids: string;
}

export function readSeen(db: Database, userid: string, uniqueId: UniqueId): SeenState | undefined {
  const row = db.get(
    "SELECT last_read, recent_uid, last_change, uids FROM seen WHERE userid=? AND uniqueid=?",
    userid,
    uniqueId,
  );
  return (
    row && {
      lastRead: row[0] as number,
      recentUid: row[1] as number,
      lastChange: row[2] as number,
      uids: row[3] as string,
    }
  );
}

export function writeSeen(db: Database, userid: string, uniqueId: UniqueId, seen: SeenState): void {
  const sql =
    "INSERT OR REPLACE INTO seen(userid, uniqueid, last_read, recent_uid, last_change, uids) VALUES (?,?,?,?,?,?)";
  db.run(sql, userid, uniqueId, seen.lastRead, seen.recentUid, seen.lastChange, seen.uids);
}

/** Seen state of everybody for a mailbox that is gone. */
export function removeSeenOfMailbox(db: Database, uniqueId: UniqueId): void {
  db.run("DELETE FROM seen WHERE uniqueid=?", uniqueId);
}

export function removeSeenOfUser(db: Database, userid: string): void {
  db.run("DELETE FROM seen WHERE userid=?", userid);
}

/** Subscribed names in name order. */
export function readSubscriptions(db: Database, userid: string): MboxName[] {
  return db.all("SELECT name FROM sub WHERE userid=? ORDER BY name", userid).map(([key]) => nameOf(key as NameKey));
}

export function isSubscribed(db: Database, userid: string, name: MboxName): boolean {
  return db.get("SELECT 1 FROM sub WHERE userid=? AND name=?", userid, keyOf(name)) !== undefined;
}

export function addSubscription(db: Database, userid: string, name: MboxName): void {
  db.run("INSERT OR IGNORE INTO sub(userid, name) VALUES (?,?)", userid, keyOf(name));
}

export function removeSubscription(db: Database, userid: string, name: MboxName): void {
  db.run("DELETE FROM sub WHERE userid=? AND name=?", userid, keyOf(name));
}

export function removeSubscriptionsOfUser(db: Database, userid: string): void {
  db.run("DELETE FROM sub WHERE userid=?", userid);
}
