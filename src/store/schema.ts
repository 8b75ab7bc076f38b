/**
 * Tables of a shard's database, `configdirectory/store/N.db`. README.md explains each; a change of shape is a new SCHEMA_VERSION with its migration.
 * Names of mailboxes are kept as sort keys (keys.ts): levels joined by 0x1F, so that parents come before children and a tree is one range.
 */
export const SCHEMA_VERSION = 2;
/** Of the database file, in octets; must be set before the first table. */
export const PAGE_SIZE = 8192;

export const SCHEMA = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID, STRICT;

CREATE TABLE list(
  name          TEXT PRIMARY KEY,           -- sort key
  uniqueid      TEXT NOT NULL,
  mbox          INTEGER,                    -- number of its row in mailbox; NULL: intermediate, remote or tombstone
  type          TEXT NOT NULL,              -- Cyrus's type letters: e, with flags d (tombstone) i (intermediate) r m z l
  partition     TEXT NOT NULL,
  server        TEXT NOT NULL,
  acl           TEXT NOT NULL,              -- id TAB rights TAB ...
  uidvalidity   INTEGER NOT NULL,
  createdmodseq INTEGER NOT NULL,
  foldermodseq  INTEGER NOT NULL,
  mtime         INTEGER NOT NULL,           -- epoch seconds
  specialuse    TEXT NOT NULL,              -- blank-separated uses of the owner, e.g. "\\Sent"
  history       TEXT NOT NULL               -- JSON: earlier names, [{name, mtime, uidvalidity, createdmodseq, foldermodseq, type}]
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX list_by_uniqueid ON list(uniqueid) WHERE type NOT LIKE '%d%';

CREATE TABLE racl(identifier TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(identifier, name)) WITHOUT ROWID, STRICT;

CREATE TABLE mailbox(
  mbox            INTEGER PRIMARY KEY,      -- 1 to 2^26-1, never reused
  uniqueid        TEXT NOT NULL UNIQUE,
  owner           INTEGER NOT NULL,         -- owner.id
  uidvalidity     INTEGER NOT NULL,
  last_uid        INTEGER NOT NULL,         -- rows above it do not exist for readers
  highestmodseq   INTEGER NOT NULL,
  deletedmodseq   INTEGER NOT NULL,         -- tombstones at or below it have been removed
  xconvmodseq     INTEGER NOT NULL,
  raclmodseq      INTEGER NOT NULL,
  exists_count    INTEGER NOT NULL,
  unseen_count    INTEGER NOT NULL,
  deleted_count   INTEGER NOT NULL,
  answered_count  INTEGER NOT NULL,
  flagged_count   INTEGER NOT NULL,
  expunged_count  INTEGER NOT NULL,         -- tombstones
  size_octets     INTEGER NOT NULL,         -- of live messages
  annot_octets    INTEGER NOT NULL,
  recent_uid      INTEGER NOT NULL,         -- the owner's \\Recent boundary
  recent_time     INTEGER NOT NULL,
  last_append     INTEGER NOT NULL,
  pop3_last_login INTEGER NOT NULL,
  pop3_show_after INTEGER NOT NULL,
  options         TEXT NOT NULL,            -- Cyrus's letters: P S D A
  flag_names      TEXT NOT NULL,            -- JSON array, at most 128; null: free place
  sync_crc        INTEGER NOT NULL,
  sync_crc_annot  INTEGER NOT NULL,
  membership      INTEGER NOT NULL,         -- modseq of the last change of which messages there are
  cache_end       INTEGER NOT NULL,         -- octets given out in the cache file
  cache_generation INTEGER NOT NULL
) STRICT;

-- id = mbox * 2^27 + floor(uid / 96), records/hot.ts
CREATE TABLE hot(
  id        INTEGER PRIMARY KEY,
  maxmodseq INTEGER NOT NULL,
  unseen    INTEGER NOT NULL,
  live_low  INTEGER NOT NULL,
  live_high INTEGER NOT NULL,
  rows      BLOB NOT NULL
) STRICT;

-- id = mbox * 2^27 + floor(uid / 32), records/cold.ts
CREATE TABLE cold(id INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;

CREATE TABLE owner(
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE,         -- userid, "" for the shared mailboxes
  modseq      INTEGER NOT NULL,             -- counter of all its mailboxes when conversations are on; never below any of theirs
  uidvalidity INTEGER NOT NULL              -- last one given out
) STRICT;

CREATE TABLE guid(
  owner INTEGER NOT NULL, guid BLOB NOT NULL, mbox INTEGER NOT NULL, uid INTEGER NOT NULL,
  PRIMARY KEY(owner, guid, mbox, uid)
) WITHOUT ROWID, STRICT;

CREATE TABLE quota(
  root          TEXT PRIMARY KEY,           -- sort key
  storage_limit INTEGER, message_limit INTEGER, annot_limit INTEGER, folder_limit INTEGER,   -- KiB, count, KiB, count; NULL: none
  storage_used  INTEGER NOT NULL,           -- octets
  message_used  INTEGER NOT NULL,
  annot_used    INTEGER NOT NULL,           -- octets
  folder_used   INTEGER NOT NULL,
  modseq        INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE seen(
  userid TEXT NOT NULL, uniqueid TEXT NOT NULL,
  last_read INTEGER NOT NULL, recent_uid INTEGER NOT NULL, last_change INTEGER NOT NULL, uids TEXT NOT NULL,
  PRIMARY KEY(userid, uniqueid)
) WITHOUT ROWID, STRICT;

CREATE TABLE sub(userid TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(userid, name)) WITHOUT ROWID, STRICT;

CREATE TABLE annotation(
  uniqueid TEXT NOT NULL,                   -- "" for the server
  uid      INTEGER NOT NULL,                -- 0 for the mailbox itself
  entry    TEXT NOT NULL, userid TEXT NOT NULL, value BLOB NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY(uniqueid, uid, entry, userid)
) WITHOUT ROWID, STRICT;

CREATE TABLE pending(                       -- message files that may not be on disk yet, in commit order
  seq         INTEGER PRIMARY KEY,
  mbox        INTEGER NOT NULL, uid INTEGER NOT NULL,
  uniqueid    TEXT NOT NULL, partition TEXT NOT NULL,
  source      TEXT,                         -- NULL: octets in the slot; else JSON, type PendingSource (pending.ts)
  size        INTEGER NOT NULL, guid BLOB NOT NULL,
  cache_offset INTEGER, cache_generation INTEGER,
  slot        INTEGER                       -- slot.slot; NULL: neither octets nor a cache record
) STRICT;
CREATE INDEX pending_by_message ON pending(mbox, uid);

-- Cache records and octets of pending files, in rows that are used again (writer/octet-slots.ts): what no pending row names is left over.
CREATE TABLE slot(slot INTEGER PRIMARY KEY, cache BLOB, octets BLOB) STRICT;

CREATE TABLE doomed(                        -- files and directories to remove, paced, not before a time
  seq INTEGER PRIMARY KEY,
  not_before INTEGER NOT NULL,
  pending_seq INTEGER NOT NULL,             -- only after pending files up to here are durable: they may be links to this one
  uniqueid TEXT NOT NULL, partition TEXT NOT NULL, uid INTEGER NOT NULL    -- uid 0: the whole directory
) STRICT;

CREATE TABLE header_due(                    -- mailboxes whose header file is older than the list
  mbox INTEGER PRIMARY KEY, version INTEGER NOT NULL   -- rises with each change
) STRICT;

CREATE TABLE intent(                        -- work in slices that recovery finishes or undoes
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, args TEXT NOT NULL
) STRICT;

CREATE TABLE reply(                         -- answers a client may ask for again
  client TEXT PRIMARY KEY, answers TEXT NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
`;

/**
 * Indexes that came after the tables. They are no change of shape: each is made where it is missing, and a program that does not know it leaves it as it
 * is, so the version stays.
 */
export const INDEXES = `
CREATE INDEX IF NOT EXISTS seen_by_mailbox ON seen(uniqueid, userid);
CREATE INDEX IF NOT EXISTS doomed_by_message ON doomed(uniqueid, uid);
`;
