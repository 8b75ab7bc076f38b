import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLog } from "../../base/log.ts";
import {
  listProcs,
  listProcsLater,
  ProcFiles,
  procDirectory,
  requestSessionEnd,
  sweepProcs,
  takeEndRequests,
} from "./proc-files.ts";
import { formatProcLine, parseProcLine } from "./proc-line.ts";

const state = { service: "imap", clientHost: "[192.0.2.1]", userid: "fred", mailbox: "user.fred", command: "" };

test("the line: five fields, always one line, and back", () => {
  assert.equal(formatProcLine(state), "imap\t[192.0.2.1]\tfred\tuser.fred\t\n");
  assert.deepEqual(parseProcLine(formatProcLine(state)), state);
  assert.equal(formatProcLine({ ...state, mailbox: "a\tb\nc\0" }), "imap\t[192.0.2.1]\tfred\ta?b?c?\t\n");
  assert.equal(parseProcLine(""), undefined);
});

test("files come late or when flushed, are listed, and go", async () => {
  const parent = mkdtempSync(join(tmpdir(), "proc-"));
  after(() => rmSync(parent, { recursive: true, force: true }));
  const directory = join(parent, "run", "proc");
  const files = new ProcFiles(directory, silentLog);
  assert.deepEqual(listProcs(directory), []);
  const record = files.open(7, { ...state, userid: "" });
  files.update(record, state);
  assert.equal(existsSync(directory), false);
  files.flush(record);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(readFileSync(join(directory, `${process.pid}.7`), "utf8"), formatProcLine(state));
  const listed = [{ name: `${process.pid}.7`, pid: process.pid, ...state }];
  assert.deepEqual(listProcs(directory), listed);
  assert.deepEqual(await listProcsLater(directory), listed);
  // A process that is gone: no pid is that high.
  writeFileSync(join(directory, "99999999.1"), formatProcLine(state));
  assert.deepEqual(listProcs(directory), listed);
  sweepProcs(directory);
  assert.deepEqual(readdirSync(directory), [`${process.pid}.7`]);
  writeFileSync(join(directory, `${process.pid}.7.end`), "");
  assert.deepEqual(takeEndRequests(directory), [7]);
  assert.deepEqual(takeEndRequests(directory), []);
  files.close(record);
  assert.deepEqual(readdirSync(directory), []);
  files.stop();
});

test("trouble with the files is said once, and again when it comes back", () => {
  const parent = mkdtempSync(join(tmpdir(), "proc-"));
  after(() => rmSync(parent, { recursive: true, force: true }));
  const directory = join(parent, "proc");
  const lines: string[] = [];
  const files = new ProcFiles(directory, { ...silentLog, err: (line: string) => void lines.push(line) });
  const record = files.open(1, state);
  const write = (): void => {
    files.update(record, state);
    files.flush(record);
  };
  for (const expected of [1, 2]) {
    writeFileSync(directory, "in the way");
    write();
    write();
    assert.equal(lines.length, expected);
    rmSync(directory);
    write();
    assert.equal(listProcs(directory).length, 1);
    rmSync(directory, { recursive: true });
  }
  files.stop();
});

test("proc_path", () => {
  assert.equal(procDirectory({ procPath: undefined, configDirectory: "/var/lib/cyrus" }), "/var/lib/cyrus/proc");
  for (const procPath of ["proc", "/", "//"]) assert.throws(() => procDirectory({ procPath, configDirectory: "/x" }));
});

test("a session's end is asked of workers only", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "proc-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const name = `${process.pid}.3`;
  assert.equal(requestSessionEnd(directory, name), false, "no such session");
  writeFileSync(join(directory, name), formatProcLine(state));
  const other = spawn("sleep", ["60"]);
  t.after(() => other.kill());
  writeFileSync(join(directory, `${other.pid}.3`), formatProcLine(state));
  assert.equal(requestSessionEnd(directory, `${other.pid}.3`), false, "the signal would end it");
  process.report.reportOnSignal = false; // Node's test runner has it on
  let asked = 0;
  const heard = new Promise<void>((done) => process.once("SIGUSR2", () => done(void asked++)));
  assert.equal(requestSessionEnd(directory, name), true);
  for (const wrong of [`${process.pid}`, "1.x", "../1.1", ""]) assert.equal(requestSessionEnd(directory, wrong), false);
  return heard.then(() => {
    assert.equal(asked, 1);
    assert.deepEqual(takeEndRequests(directory), [3]);
  });
});
