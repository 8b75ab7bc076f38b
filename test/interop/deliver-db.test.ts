/** A deliver.db that a real Cyrus has written is taken over: what it delivered is not delivered again. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../src/base/log.ts";
import { DuplicateDatabase } from "../../src/store/ephemeral/index.ts";
import { ensureCyrus } from "../peers/cyrus.ts";
import { ImapConnection } from "../peers/wire.ts";
import { LmtpTestClient } from "../support/lmtp-server.ts";

const MESSAGES = 250;

test("what Cyrus's ctl_deliver lists is what we have after taking its deliver.db over", async (t) => {
  const peer = await ensureCyrus();
  if (peer === undefined) return t.skip("no Cyrus: run test/peers/fetch-cyrus.sh");
  t.after(() => peer.stop());
  const admin = await ImapConnection.open(peer.imapPort, peer.adminUser, peer.password);
  for (const user of ["fred", "mary"]) assert.match((await admin.command(`CREATE user/${user}`)).status, /^OK/);
  admin.close();
  const lmtp = new LmtpTestClient(connect(peer.lmtpPort, "127.0.0.1"));
  t.after(() => lmtp.socket.destroy());
  await lmtp.reply();
  await lmtp.say("LHLO test");
  for (let n = 0; n < MESSAGES; n++) {
    const head = `From: a@b.example\r\nDate: Mon, 7 Feb 2022 21:52:${10 + (n % 50)} -0800\r\nMessage-ID: <${n}@b.example>\r\n`;
    for (const reply of await lmtp.deliver(`${head}\r\nbody\r\n`, ["fred", "mary"])) assert.match(reply, /^250 /);
  }
  const dump = peer.run("ctl_deliver", ["-d"]).stdout;
  const listed = [...dump.matchAll(/^id: (\S+)\s*\tto: (\S+)\s*\tat: (\d+)\tuid: (\d+)$/gm)].map(
    ([, id, recipient, at, uid]) => `${id} ${recipient} ${at} ${uid}`,
  );
  assert.equal(listed.length, 2 * MESSAGES);

  const dir = mkdtempSync(join(tmpdir(), "deliver-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "deliver.db");
  copyFileSync(join(peer.dir, "conf/deliver.db"), path);
  const database = new DuplicateDatabase(path, silentLog);
  t.after(() => database.close());
  // As a worker has it: the first look opens it, and the rest goes on behind.
  database.find({ id: "<none>", recipient: "x", date: "" });
  await database.takenOver;
  const [, uniqueId] = listed[0]!.split(" ");
  const date = "Mon, 7 Feb 2022 21:52:17 -0800";
  assert.notEqual(database.find({ id: "<7@b.example>", recipient: uniqueId!, date }), undefined);
  assert.equal(database.find({ id: "<7@b.example>", recipient: uniqueId!, date: "" }), undefined);
  const ours = database.dump().map(({ id, recipient, at, uid }) => `${id} ${recipient} ${at} ${uid}`);
  assert.deepEqual(ours.sort(), listed.sort());
  assert.ok(existsSync(`${path}.old`));
});
