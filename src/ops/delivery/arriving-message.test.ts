import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Arrival, type ArrivalRules, ArrivingMessage } from "./arriving-message.ts";
import { MAX_MEMORY_MESSAGE_OCTETS } from "./limits.ts";

const rules: ArrivalRules = { reject8bit: false, munge8bit: true, maxheaderlines: 1_000, maxMessageOctets: 0 };
const dateText = "Mon, 23 Nov 2026 14:59:03 +0000";

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "pasargad-arriving-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function arrive(
  stageRoot: string,
  text: string,
  more: Partial<ArrivalRules> = {},
  step = 65_536,
): Promise<Arrival> {
  const message = new ArrivingMessage({
    rules: { ...rules, ...more },
    traceFields: "Trace: x\r\n",
    newMessageId: () => "<new@x>",
    dateText,
    arrival: { seconds: 1_000, nanos: 5 },
    stageRoot,
  });
  const octets = Buffer.from(text, "latin1");
  for (let at = 0; at < octets.length; at += step) await message.push(octets.subarray(at, at + step));
  return message.finish();
}

test("the same in memory and in a file, however it is cut", async (t) => {
  const root = place(t);
  const header = "Received: a\r\nReturn-Path: <x>\r\nSubject: caf\xe9\r\nreturn-path: <y>\r\n z\r\n";
  const added = `Message-ID: <new@x>\r\nDate: ${dateText}\r\n`;
  const wanted = `Trace: x\r\nReceived: a\r\nSubject: cafX\r\n${added}`;
  for (const [body, step] of [
    ["b\xe9dy\r\n", 1],
    ["b\xe9dy\r\n", 65_536],
    ["0123456789abcd\r\n".repeat(MAX_MEMORY_MESSAGE_OCTETS / 16), 10_007],
  ] as const) {
    const arrival = await arrive(root, `${header}\r\n${body}`, {}, step);
    assert.equal(arrival.kind, "message");
    if (arrival.kind !== "message") return;
    const { args, attachments, staged, id, date } = arrival.message;
    assert.deepEqual({ id, date, seconds: args.internalDate }, { id: "<new@x>", date: dateText, seconds: 1_000 });
    const stored = staged ? readFileSync(join(root, "stage.", staged.name)) : Buffer.from(attachments[1]!);
    assert.equal(stored.toString("latin1"), `${wanted}\r\n${body}`);
    assert.equal(args.sizeOctets, stored.length);
    assert.equal(arrival.message.header.toString("latin1"), `${wanted}\r\n`);
    await staged?.remove();
  }
  assert.deepEqual(readdirSync(join(root, "stage.")), []);
});

test("what the header says: ids, dates, the internal date", async (t) => {
  const header =
    "X-DeliveredInternalDate: Tue, 2 Jan 2024 00:00:00 +0000\r\nMessage-ID: <a@b>\r\nDate: when\r\n ever\r\n";
  const first = await arrive(place(t), header);
  assert.ok(first.kind === "message");
  assert.deepEqual([first.message.id, first.message.date], ["<a@b>", "when ever"]);
  assert.equal(first.message.args.internalDate, Date.UTC(2024, 0, 2) / 1_000);
  const resent = await arrive(place(t), `Resent-Message-ID: <c@d>\r\n${header}`);
  assert.ok(resent.kind === "message");
  assert.equal(resent.message.id, "<c@d>");
});

test("faults and sizes leave nothing behind", async (t) => {
  const root = place(t);
  const large = "x".repeat(998).concat("\r\n").repeat(600);
  const kinds: [string, Partial<ArrivalRules>, unknown][] = [
    ["Message-ID:\r\n\r\n", {}, "invalidHeader"],
    ["Subject: \xe9\r\n\r\n", { reject8bit: true }, "nonAsciiHeader"],
    [`Subject: x\r\n\r\n${large}\0\r\n`, {}, "containsNul"],
    [`bad header\r\n\r\n${large}`, {}, "invalidHeader"],
    [`Subject: x\r\n\r\n${large}`, { maxMessageOctets: 300_000 }, "tooBig"],
    ["Subject: x\r\n\r\nbody\r\n", { maxMessageOctets: 30 }, "tooBig"],
  ];
  for (const [text, more, wanted] of kinds) {
    const arrival = await arrive(root, text, more);
    assert.equal(arrival.kind === "fault" ? arrival.fault : arrival.kind, wanted);
  }
  const stage = join(root, "stage.");
  assert.deepEqual(existsSync(stage) ? readdirSync(stage) : [], []);
});

test("a message of thousands of parts lets others have turns; a small one is there at once", async (t) => {
  const header = 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n';
  const options = {
    rules,
    traceFields: "",
    newMessageId: () => "<new@x>",
    dateText,
    arrival: { seconds: 1_000, nanos: 5 },
    stageRoot: place(t),
  };
  const small = new ArrivingMessage(options);
  await small.push(Buffer.from(`${header}--b\r\n\r\nx\r\n--b--\r\n`));
  assert.ok(!(small.finish() instanceof Promise));
  for (const [parts, isStaged] of [
    [20_000, false],
    [80_000, true],
  ] as const) {
    const wide = new ArrivingMessage(options);
    await wide.push(Buffer.from(`${header}${"--b\r\n".repeat(parts)}--b--\r\n`));
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const arrival = await wide.finish();
    isOver = true;
    assert.ok(arrival.kind === "message");
    assert.equal(arrival.message.staged !== undefined, isStaged);
    assert.ok(turns > 2, `${parts} parts, ${turns} turns`);
    await arrival.message.staged?.remove();
  }
});
