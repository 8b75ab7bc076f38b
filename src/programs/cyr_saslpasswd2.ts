/**
 * cyr_saslpasswd2: sets, disables and lists the passwords of the server's own user database, with the flags of libsasl's
 * saslpasswd2. Only verifiers are stored; see server/auth/user-database.ts.
 */
import { readSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { ConfigError, defaultImapdConf, requireAbsolutePaths } from "../config/index.ts";
import { FlagError, type Flags, getopt } from "../config/getopt.ts";
import { splitUser, UserDatabase, userDatabasePath, type UserName } from "../server/auth/index.ts";
import { startProgram } from "../server/program/start-program.ts";
import { isFromOutside } from "./support/run-tool.ts";

const usage = `usage: cyr_saslpasswd2 [-p] [-c] [-d] [-n] [-u DOMAIN] [-a APPNAME] [-f FILE] [-C imapd.conf] userid
       cyr_saslpasswd2 -l [-f FILE] [-C imapd.conf]

  -p   read the password from standard input, to the end of the line, without asking
  -c   create the user if there is none
  -d   remove the user
  -n   do not keep the password itself (it never is)
  -u   realm of the user; without it the user is of this server, whatever its name
  -a   application name: accepted, no effect
  -f   the database, instead of sasl_sasldb_path or configdirectory/sasldb.db
  -l   list users`;
/** More than any password; libsasl stops at 2,048 as well. */
const maxPasswordOctets = 1_024;

async function main(): Promise<void> {
  let flags: Flags;
  try {
    flags = getopt(process.argv.slice(2), "pcdnlvVu:a:f:C:");
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    return fail(64, `cyr_saslpasswd2: ${error.message}\n${usage}`);
  }
  const has = (letter: string): boolean => flags.last(letter) !== undefined;
  const [userid, ...others] = flags.words;
  if (has("l") ? flags.words.length > 0 : userid === undefined || others.length > 0) return fail(64, usage);
  const place = findDatabase(flags);
  if (!has("c") && statSync(place.path, { throwIfNoEntry: false }) === undefined) {
    // Only a first user makes the file, whatever -f says.
    return has("l") ? undefined : fail(1, `cyr_saslpasswd2: user not found: ${place.path} does not exist`);
  }
  let users: UserDatabase;
  try {
    users = new UserDatabase(place.path);
  } catch (error) {
    return fail(1, `cyr_saslpasswd2: ${(error as Error).message}`);
  }
  try {
    if (has("l")) return list(users, place.serverName);
    const user = userOf(userid!, flags.last("u"));
    if (user === undefined) return fail(64, "cyr_saslpasswd2: this cannot be a userid");
    if (has("d")) return users.remove(user) ? undefined : fail(1, "cyr_saslpasswd2: user not found");
    if (!has("c") && !users.has(user)) return fail(1, "cyr_saslpasswd2: user not found (-c creates it)");
    const password = has("p") ? readLine() : await askTwice();
    if (password === undefined) return fail(1, "cyr_saslpasswd2: passwords do not match; aborting");
    if (password === "") return fail(1, "cyr_saslpasswd2: no password given");
    if (Buffer.byteLength(password) > maxPasswordOctets) {
      return fail(1, `cyr_saslpasswd2: the password is too long, ${maxPasswordOctets} octets are allowed`);
    }
    users.setPassword(user, password);
  } finally {
    users.close();
  }
}

/** With -f no configuration is needed. */
function findDatabase(flags: Flags): { path: string; serverName: string } {
  const [file, configFile] = [flags.last("f"), flags.last("C")];
  if (file !== undefined && configFile === undefined) return { path: file, serverName: hostname() };
  const { config } = startProgram("saslpasswd2", configFile ?? defaultImapdConf);
  requireAbsolutePaths(config);
  const saslDbPath = file ?? config.sasl("sasldb_path");
  const path = userDatabasePath({ saslDbPath, configDirectory: config.configdirectory });
  return { path, serverName: config.servername ?? hostname() };
}

/** @returns undefined for names no login could have */
function userOf(userid: string, domain: string | undefined): UserName | undefined {
  const split = splitUser(userid);
  const user = domain === undefined ? split : { name: userid, realm: domain };
  return /^[\x20-\x7e]{1,255}$/.test(user.name) && /^[\x21-\x7e]{0,255}$/.test(user.realm) ? user : undefined;
}

function list(users: UserDatabase, serverName: string): void {
  for (const { name, realm } of users.list()) console.log(`${name}@${realm === "" ? serverName : realm}: userPassword`);
}

/** Standard input up to the first line feed, or its end; of a line that is too long more than is allowed. */
function readLine(): string {
  const octets = Buffer.alloc(maxPasswordOctets + 1);
  let length = 0;
  while (length < octets.length) {
    const read = readSync(0, octets, length, octets.length - length, null);
    if (read === 0 || octets.subarray(length, length + read).includes(10)) {
      length += read;
      break;
    }
    length += read;
  }
  const end = octets.subarray(0, length).indexOf(10);
  return octets.toString("utf8", 0, end < 0 ? length : end);
}

/** @returns undefined when the two differ */
async function askTwice(): Promise<string | undefined> {
  const first = await askQuietly("Password: ");
  const second = await askQuietly("Again (for verification): ");
  return first === second ? first : undefined;
}

/** What is typed at the terminal, not shown. */
async function askQuietly(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) return readLine();
  // First no echo, then the question: who answers quickly is not seen either.
  process.stdin.setRawMode(true);
  process.stderr.write(prompt);
  const line = await new Promise<string>((resolve) => {
    let text = "";
    const onData = (octets: Buffer): void => {
      for (const char of octets.toString()) {
        if (char === "\u0003" || char === "\u0004") return quit();
        if (char === "\r" || char === "\n") {
          process.stdin.off("data", onData).pause();
          return resolve(text);
        }
        text = char === "\u007f" || char === "\b" ? text.slice(0, -1) : text + char;
      }
    };
    process.stdin.on("data", onData).resume();
  });
  process.stdin.setRawMode(false);
  process.stderr.write("\n");
  return line;
}

function quit(): never {
  process.stdin.setRawMode(false);
  process.stderr.write("\n");
  process.exit(1);
}

function fail(code: number, text: string): void {
  console.error(text);
  process.exitCode = code;
}

try {
  await main();
} catch (error) {
  if (error instanceof ConfigError) fail(78, `fatal error: ${error.message}`);
  else if (error instanceof Error && isFromOutside(error)) fail(1, `cyr_saslpasswd2: ${error.message}`);
  else throw error;
}
