/** Where Cyrus puts mailboxes with `mailbox_legacy_dirs`, for each way of hashing, and where Pasargad does. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import type { MboxName } from "../../src/formats/ids.ts";
import { legacyDirectory } from "../../src/store/index.ts";
import { ensureCyrus } from "../peers/cyrus.ts";
import { ImapConnection } from "../peers/wire.ts";

/** As administrators and as the store write them. */
const mailboxes = [
  ["user/fred", "user.fred"],
  ["user/fred/A", "user.fred.A"],
  ["user/fred/A/B", "user.fred.A.B"],
  ["user/joe.smith/x", "user.joe^smith.x"],
  ["user/9a/x.y", "user.9a.x^y"],
  ["user/Zed", "user.Zed"],
  ["user/verylongusername.withdot", "user.verylongusername^withdot"],
  ["user/jane@example.org", "example.org!user.jane"],
  ["shared/x", "shared.x"],
  ["Big.Dot", "Big^Dot"],
  ["9num", "9num"],
] as const;

function directoriesWithHeader(root: string): string[] {
  const all = readdirSync(root, { recursive: true, withFileTypes: true });
  return all.filter(({ name }) => name === "cyrus.header").map(({ parentPath }) => relative(root, parentPath));
}

for (const spool of [false, true]) {
  for (const full of [false, true]) {
    test(`hashimapspool ${spool}, fulldirhash ${full}`, async (t) => {
      const cyrus = await ensureCyrus({
        imapdConf: [
          "mailbox_legacy_dirs: yes",
          "virtdomains: userid",
          `hashimapspool: ${spool ? "yes" : "no"}`,
          `fulldirhash: ${full ? "yes" : "no"}`,
        ],
      });
      if (!cyrus) {
        t.skip("no Cyrus here");
        return;
      }
      t.after(() => cyrus.stop());
      const admin = await ImapConnection.open(cyrus.imapPort, cyrus.adminUser, cyrus.password);
      t.after(() => admin.close());
      for (const [external] of mailboxes) {
        const parent = external.includes("@") ? undefined : external.split("/").slice(0, -1);
        if (parent && parent.length > 1) await admin.command(`CREATE "${parent.join("/")}"`);
        assert.match((await admin.command(`CREATE "${external}"`)).status, /^OK|exists/);
      }
      const found = new Set(directoriesWithHeader(join(cyrus.dir, "spool")));
      const ours = mailboxes.map(([, name]) => legacyDirectory(name as MboxName, { spool, full })!);
      assert.deepEqual(
        ours.filter((directory) => !found.has(directory)),
        [],
        [...found].join(" "),
      );
    });
  }
}
