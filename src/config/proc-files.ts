/** Sessions, as the files under proc_path tell. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.ts";

/** A file holds one short line. */
const MAX_OCTETS = 8_192;

export interface ProcEntry {
  /** Name of the file: a process id, or PID.N for one session of a process that serves many. */
  readonly id: string;
  /** Service, client host, userid, mailbox, command. Empty where unknown. */
  readonly fields: readonly string[];
}

export function procDirectory(config: Config): string {
  return config.proc_path ?? join(config.configdirectory, "proc");
}

/** By process id, then by session. Files that vanish meanwhile are passed over; a missing directory has no entries. */
export function readProcFiles(directory: string): readonly ProcEntry[] {
  const entries: ProcEntry[] = [];
  for (const id of namesIn(directory)) {
    const text = contents(join(directory, id));
    if (text !== undefined) entries.push({ id, fields: parseProcLine(text) });
  }
  return entries;
}

function namesIn(directory: string): readonly string[] {
  try {
    const names = readdirSync(directory).filter((name) => /^[0-9]+(?:\.[0-9]+)?$/.test(name));
    return names.sort((a, b) => compareIds(a, b));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function compareIds(a: string, b: string): number {
  const [pidA = "", sessionA = "-1"] = a.split(".");
  const [pidB = "", sessionB = "-1"] = b.split(".");
  return Number(pidA) - Number(pidB) || Number(sessionA) - Number(sessionB);
}

function contents(path: string): string | undefined {
  try {
    return readFileSync(path).subarray(0, MAX_OCTETS).toString("utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** `SERVICE TAB CLIENTHOST TAB USERID TAB MAILBOX TAB COMMAND`. Control characters become `?`: terminals obey them. */
export function parseProcLine(text: string): readonly string[] {
  const line = text.split("\n", 1)[0]!;
  const fields = line.split("\t").slice(0, 5);
  while (fields.length < 5) fields.push("");
  return fields.map((field) => field.replace(/[\0-\x1f\x7f-\x9f]/g, "?"));
}

/** As Cyrus prints it: everything separated by one blank, also where a field is empty. */
export function formatProcEntry({ id, fields }: ProcEntry): string {
  return [id, ...fields].join(" ");
}
