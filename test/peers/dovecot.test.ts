import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { findDovecot, startDovecot } from "./dovecot.ts";

const found = findDovecot();
const skip = "missing" in found && !process.env["CI"] ? found.missing : false;

for (const setup of ["stock", "tuned"] as const) {
  test(`Dovecot (${setup}) starts, logs a user in, and leaves nothing behind`, { skip }, async () => {
    const dovecot = await startDovecot({ setup });
    assert.ok(dovecot);
    const pids = dovecot.pids();
    try {
      assert.ok(pids.length > 1);
      const socket = connect(dovecot.imapPort, "127.0.0.1");
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.write(`a LOGIN fred ${dovecot.password}\r\nb SELECT INBOX\r\nc LOGOUT\r\n`);
      await once(socket, "close");
      for (const tag of ["a", "b", "c"]) assert.match(text, new RegExp(`^${tag} OK`, "m"));
    } finally {
      await dovecot.stop();
    }
    assert.equal(existsSync(dovecot.dir), false);
  });
}
