/** Real Cyrus programs with our idled: imapd hears through it of what lmtpd delivers, long before it would look by itself. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../../src/base/log.ts";
import { IdleServer } from "../../src/protocols/idle/index.ts";
import { ensureCyrus } from "../peers/cyrus.ts";
import { ImapConnection } from "../peers/wire.ts";
import { LmtpTestClient } from "../support/lmtp-server.ts";

/** imapd would look by itself after an hour. */
const patienceMs = 15_000;

test("Cyrus's imapd in IDLE is told of a delivery by Cyrus's lmtpd through cyr_idled", async (t) => {
  const peer = await ensureCyrus({ imapdConf: ["imapidlepoll: 3600", "conversations: no"] });
  if (peer === undefined) return t.skip("no Cyrus: run test/peers/fetch-cyrus.sh");
  t.after(() => peer.stop());
  const server = new IdleServer({
    path: join(peer.dir, "conf/socket/idle"),
    // Its mailboxes are Cyrus's; none of them is ours.
    mail: { view: () => undefined as never, watch: () => () => {}, watchList: () => () => {} },
    log: silentLog,
    timeoutMs: 3_600_000,
  });
  t.after(() => server.close());
  const admin = await ImapConnection.open(peer.imapPort, peer.adminUser, peer.password);
  for (const user of ["fred", "mary"]) assert.match((await admin.command(`CREATE user/${user}`)).status, /^OK/);
  admin.close();

  const socket = connect(peer.imapPort, "127.0.0.1");
  t.after(() => socket.destroy());
  let text = "";
  socket.on("data", (octets: Buffer) => (text += octets.toString("latin1")));
  const heard = async (pattern: RegExp): Promise<void> => {
    const end = performance.now() + patienceMs;
    while (!pattern.test(text)) {
      assert.ok(performance.now() < end, `waited in vain for ${String(pattern)} in ${text}`);
      await delay(10);
    }
  };
  await heard(/^\* OK /);
  socket.write(`a LOGIN fred ${peer.password}\r\nb SELECT INBOX\r\nc IDLE\r\n`);
  await heard(/^\+ /m);
  while (server.size === 0) await delay(10);
  assert.equal(server.size, 1);

  const lmtp = new LmtpTestClient(connect(peer.lmtpPort, "127.0.0.1"));
  t.after(() => lmtp.socket.destroy());
  await lmtp.reply();
  await lmtp.say("LHLO test");
  const message = (id: string): string =>
    `From: a@b.example\r\nMessage-ID: <${id}@b.example>\r\nSubject: x\r\n\r\nbody\r\n`;
  assert.match((await lmtp.deliver(message("1"), ["mary"]))[0]!, /^250 /);
  assert.match((await lmtp.deliver(message("2"), ["fred"]))[0]!, /^250 /);
  await heard(/^\* 1 EXISTS/m);
  assert.match((await lmtp.deliver(message("3"), ["fred"]))[0]!, /^250 /);
  await heard(/^\* 2 EXISTS/m);
  socket.write("DONE\r\n");
  await heard(/^c OK/m);
  while (server.size > 0) await delay(10);
});
