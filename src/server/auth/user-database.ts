/**
 * Our own passwords: a SQLite file (`sasl_sasldb_path`, else `configdirectory/sasldb.db`), mode 0600, one row per user with
 * SCRAM verifiers and nothing from which a password could be had back. It can be read with the sqlite3 tool.
 *
 *     user(name, realm, sha256, sha1, disabled, changed)      primary key (name, realm)
 *
 * `realm` is "" for users of this server, whatever its name. Verifiers are in the text form of formats/sasl/verifier.ts.
 * The row without a name is no user: its `sha256` is the secret from which unknown users' challenges are made.
 */
import { closeSync, existsSync, fchmodSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  formatVerifier,
  makeVerifierSync,
  parseVerifier,
  type ScramHash,
  type Verifier,
} from "../../formats/sasl/index.ts";

/** PBKDF2 rounds of new verifiers: about 10 ms of one core. RFC 7677 asks for 4,096 at least. */
export const newIterations = 32_768;
const saltOctets = 16;
const applicationId = 0x5053_4153; // "PSAS"
const schemaVersion = 1;
/** A tool holds the file for milliseconds; longer means trouble, and the event loop must not wait for that. */
const readerBusyMs = 50;
const writerBusyMs = 10_000;

export interface StoredUser {
  readonly sha256: Verifier | undefined;
  readonly sha1: Verifier | undefined;
  readonly disabled: boolean;
}

export interface UserName {
  readonly name: string;
  readonly realm: string;
}

export function userDatabasePath(options: { saslDbPath: string | undefined; configDirectory: string }): string {
  return options.saslDbPath ?? join(options.configDirectory, "sasldb.db");
}

/** `user@realm` splits at the first "@"; a plain name is of this server. */
export function splitUser(userid: string): UserName {
  const at = userid.indexOf("@");
  return at < 0 ? { name: userid, realm: "" } : { name: userid.slice(0, at), realm: userid.slice(at + 1) };
}

/** For tools: adds, changes and removes. */
export class UserDatabase {
  readonly #db: DatabaseSync;

  /** Makes the file and its directory when they are not there. @throws when the file is something else */
  constructor(path: string) {
    refuseForeignFile(path);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Made by us first, so that it never exists with wider permissions.
    const fd = openSync(path, "a", 0o600);
    fchmodSync(fd, 0o600);
    closeSync(fd);
    this.#db = new DatabaseSync(path, { timeout: writerBusyMs });
    this.#db.exec("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    this.#db.exec(`CREATE TABLE IF NOT EXISTS user(
      name TEXT NOT NULL, realm TEXT NOT NULL, sha256 TEXT, sha1 TEXT,
      disabled INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL, PRIMARY KEY(name, realm)) WITHOUT ROWID`);
    this.#db
      .prepare("INSERT OR IGNORE INTO user(name, realm, sha256, disabled, changed) VALUES ('', '', ?, 1, 0)")
      .run(randomBytes(32).toString("base64"));
    this.#db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}; COMMIT`);
  }

  has(user: UserName): boolean {
    return this.#db.prepare("SELECT 1 FROM user WHERE name = ? AND realm = ?").get(user.name, user.realm) !== undefined;
  }

  /** Sets or replaces a password. @param now seconds since 1970 */
  setPassword(user: UserName, password: string, now = Math.floor(Date.now() / 1000)): void {
    const make = (hash: ScramHash): string =>
      formatVerifier(makeVerifierSync(password, { hash, iterations: newIterations, salt: randomBytes(saltOctets) }));
    this.#db
      .prepare("INSERT OR REPLACE INTO user(name, realm, sha256, sha1, disabled, changed) VALUES (?, ?, ?, ?, 0, ?)")
      .run(user.name, user.realm, make("sha256"), make("sha1"), now);
  }

  /** @returns false when there is no such user */
  remove(user: UserName): boolean {
    return this.#db.prepare("DELETE FROM user WHERE name = ? AND realm = ?").run(user.name, user.realm).changes > 0;
  }

  list(): UserName[] {
    const rows = this.#db.prepare("SELECT name, realm FROM user WHERE name <> '' ORDER BY name, realm").all();
    return rows.map((row) => ({ name: String(row["name"]), realm: String(row["realm"]) }));
  }

  close(): void {
    this.#db.close();
  }
}

/** For servers: looks users up; a look is a few tens of microseconds. The file may appear, change and be replaced at any time. */
export class UserLookup {
  readonly #path: string;
  readonly #serverName: string;
  #open: { db: DatabaseSync; find: StatementSync; stamp: string } | undefined;

  constructor(path: string, serverName: string) {
    this.#path = path;
    this.#serverName = serverName;
  }

  /** True when there is a database, so that SCRAM has something to check against. */
  get exists(): boolean {
    return existsSync(this.#path);
  }

  /**
   * A plain name is looked for among this server's users, then under the server's name as realm, as libsasl stores it.
   * @throws when the file cannot be read, or is no database of ours
   */
  find(userid: string): StoredUser | undefined {
    const find = this.#statement();
    if (find === undefined) return undefined;
    const { name, realm } = splitUser(userid);
    const row = find.get(name, realm) ?? (realm === "" ? find.get(name, this.#serverName) : undefined);
    if (row === undefined) return undefined;
    return {
      sha256: storedVerifier(row["sha256"]),
      sha1: storedVerifier(row["sha1"]),
      disabled: row["disabled"] !== 0,
    };
  }

  /**
   * The same in every process and after every start, so that the challenge to an unknown user can be, too. Undefined when
   * there is no database, or one that was never opened for writing since it has one.
   * @throws as `find`
   */
  decoySecret(): string | undefined {
    const secret = this.#statement()?.get("", "")?.["sha256"];
    return typeof secret === "string" ? secret : undefined;
  }

  close(): void {
    this.#open?.db.close();
    this.#open = undefined;
  }

  #statement(): StatementSync | undefined {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "" : `${stat.dev}/${stat.ino}`;
    if (this.#open?.stamp === stamp) return this.#open.find;
    this.close();
    if (stat === undefined || stat.size === 0) return undefined;
    refuseForeignFile(this.#path);
    const db = new DatabaseSync(this.#path, { readOnly: true, timeout: readerBusyMs });
    const find = db.prepare("SELECT sha256, sha1, disabled FROM user WHERE name = ? AND realm = ?");
    this.#open = { db, find, stamp };
    return find;
  }
}

function storedVerifier(text: unknown): Verifier | undefined {
  return typeof text === "string" ? parseVerifier(text) : undefined;
}

/** An existing /etc/sasldb2 is a Berkeley DB or GDBM file with readable passwords: neither read nor overwritten. */
function refuseForeignFile(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const head = Buffer.alloc(16);
  const fd = openSync(path, "r");
  try {
    readSync(fd, head, 0, 16, 0);
  } finally {
    closeSync(fd);
  }
  if (head.toString("latin1") === "SQLite format 3\0") return;
  throw new Error(
    `${path} is not a user database of this server (libsasl's own format?); set sasl_sasldb_path to a new file`,
  );
}
