/** Whatever octets come, in whatever pieces: the same lines, commands and messages as in one piece. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../base/fuzz.ts";
import { DotUnstuffer, type Line, LmtpInput, limits, parseCommand, parseMail, parseRcpt } from "./index.ts";

function linesOf(pieces: readonly Uint8Array[]): Line[] {
  const input = new LmtpInput();
  const lines: Line[] = [];
  for (const piece of pieces) {
    input.push(Buffer.from(piece));
    for (let line = input.nextLine(); line !== undefined; line = input.nextLine()) lines.push(line);
    assert.ok(input.bufferedOctets <= limits.MAX_LINE_OCTETS);
  }
  return lines;
}

function messageOf(pieces: readonly Uint8Array[], bareLines: boolean): { octets: Buffer; used: number } {
  const parts: Buffer[] = [];
  const unstuffer = new DotUnstuffer(bareLines, (octets) => parts.push(Buffer.from(octets)));
  let used = 0;
  for (const piece of pieces) {
    const end = unstuffer.push(Buffer.from(piece));
    if (end >= 0) return { octets: Buffer.concat(parts), used: used + end };
    used += piece.length;
  }
  return { octets: Buffer.concat(parts), used: -1 };
}

const singles = (octets: Uint8Array): Uint8Array[] => Array.from(octets, (_, n) => octets.subarray(n, n + 1));
const halves = (octets: Uint8Array): Uint8Array[] => {
  const middle = octets.length >> 1;
  return [octets.subarray(0, middle), octets.subarray(middle)];
};

const text = (...lines: string[]): Uint8Array => Buffer.from(lines.join("\r\n"), "latin1");

export const commands: FuzzTarget = {
  name: "lmtp commands",
  seeds: [
    text(
      "LHLO client.example",
      "MAIL FROM:<a@b> SIZE=12 BODY=8BITMIME AUTH=x+40y",
      'RCPT TO:<"a b"@c> IGNOREQUOTA',
      "",
    ),
    text("RCPT TO:<@relay,@b:alice+Work@x>", "DATA", "AUTH PLAIN AGEAYg==", "VRFY x", "QUIT", ""),
  ],
  run(octets) {
    const lines = linesOf([octets]);
    assert.deepEqual(linesOf(singles(octets)), lines);
    assert.deepEqual(linesOf(halves(octets)), lines);
    for (const line of lines) {
      if (line.kind === "tooLong") continue;
      const command = parseCommand(line.text);
      for (const strict of [true, false]) {
        if (command.kind === "mail") noControls(parseMail(command.rest, { strict })?.sender);
        if (command.kind === "rcpt") noControls(parseRcpt(command.rest, { strict })?.recipient);
      }
      if (command.kind === "lhlo") assert.match(command.name, /^[!-~]+$/);
    }
  },
};

function noControls(path: string | undefined): void {
  if (path !== undefined) assert.match(path, /^[ -~]*$/);
}

export const messages: FuzzTarget = {
  name: "lmtp messages",
  seeds: [
    text("Subject: x", "", "..dot", ".", "QUIT", ""),
    Buffer.from("a\nb\n.\n..\r\n.\r.\r\n\r\n.\r\nrest"),
    Buffer.from("\r\n.\r\n"),
    Buffer.from(".\r\n"),
  ],
  run(octets) {
    for (const bareLines of [true, false]) {
      const whole = messageOf([octets], bareLines);
      assert.deepEqual(messageOf(singles(octets), bareLines), whole);
      assert.deepEqual(messageOf(halves(octets), bareLines), whole);
      assert.ok(!/(?:^|[^\r])\n/.test(whole.octets.toString("latin1")), "a bare LF got through");
    }
    // What a client stuffs comes out as it was.
    const message = Buffer.from(octets).toString("latin1").replace(/\r?\n/g, "\r\n");
    const ended = message === "" || message.endsWith("\r\n") ? message : `${message}\r\n`;
    const stuffed = Buffer.from(`${ended.replace(/^\./gm, "..")}.\r\n`, "latin1");
    if (!/\r(?!\n)|[\u2028\u2029]/.test(ended)) {
      assert.equal(messageOf([stuffed], false).octets.toString("latin1"), ended);
    }
  },
};
