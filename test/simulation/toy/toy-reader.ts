/** Reads a toy store with code of its own: nothing of it is shared with the store but the file layout. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Observed, ObservedMailbox, ObservedMessage, ObservedQuota } from "../checker/observed.ts";

interface MailboxRow {
  readonly uniqueid: string;
  readonly name: string;
  readonly uidvalidity: number;
  readonly lastuid: number;
  readonly highestmodseq: number;
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly octets: number;
}
interface RecordRow {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: string;
  readonly internaldate: number;
  readonly octets: number;
  readonly guid: string;
}

export function readToyStore(root: string): Observed {
  const database = new DatabaseSync(join(root, "store", "0.db"), { readOnly: true });
  try {
    const problems: string[] = [];
    const integrity = database.prepare("PRAGMA integrity_check").get() as { integrity_check: string };
    if (integrity.integrity_check !== "ok") problems.push(`SQLite: ${integrity.integrity_check}`);
    const mailboxes = new Map<string, ObservedMailbox>();
    for (const row of database.prepare("SELECT * FROM mailbox").all() as unknown as MailboxRow[])
      mailboxes.set(row.name, {
        name: row.name,
        uniqueid: row.uniqueid,
        uidvalidity: row.uidvalidity,
        lastUid: row.lastuid,
        highestModseq: row.highestmodseq,
        messages: readMessages(database, root, row.uniqueid),
        counts: { exists: row.messages, unseen: row.unseen, deleted: row.deleted, sizeOctets: row.octets },
      });
    const quotas = new Map<string, ObservedQuota>();
    for (const row of database.prepare("SELECT * FROM quota").all())
      quotas.set(String(row["root"]), { limitOctets: Number(row["octets_limit"]), usedOctets: Number(row["used"]) });
    const { left } = database.prepare("SELECT count(*) AS left FROM pending").get() as { left: number };
    if (left > 0) problems.push(`${left} pending rows are left after recovery`);
    return { mailboxes, quotas, problems };
  } finally {
    database.close();
  }
}

function readMessages(database: DatabaseSync, root: string, uniqueid: string): Map<number, ObservedMessage> {
  const rows = database.prepare("SELECT * FROM record WHERE uniqueid = ? AND expunged = 0").all(uniqueid);
  const messages = new Map<number, ObservedMessage>();
  for (const { uid, modseq, flags, internaldate, octets, guid } of rows as unknown as RecordRow[]) {
    const path = join(root, "spool", "uuid", uniqueid.slice(0, 1), uniqueid.slice(1, 2), uniqueid, `${uid}.`);
    const digest = existsSync(path) ? createHash("sha1").update(readFileSync(path)).digest("hex") : undefined;
    const names = new Set(flags.split(" ").filter((flag) => flag !== ""));
    messages.set(uid, { uid, modseq, flags: names, internaldate, sizeOctets: octets, guid, digest });
  }
  return messages;
}
