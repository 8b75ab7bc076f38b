/** INBOXes made by an administrator, as Cyrus and Pasargad want it. */
import { ImapClient } from "../clients/imap-client.ts";
import type { Login } from "../clients/job.ts";
import type { BenchServer } from "./server.ts";

/** Creates `user/NAME` for each that is not there yet. */
export async function createByAdmin(server: BenchServer, admin: Login, users: readonly string[]): Promise<void> {
  const client = await ImapClient.login(server.imapPort, admin.user, admin.password);
  for (const user of users) {
    const status = await new Promise<string>((done, fail) => {
      client.onFailure(fail);
      client.send(`CREATE user/${user}`, done);
    });
    if (!status.startsWith("OK") && !/exists/i.test(status)) throw new Error(`CREATE user/${user}: ${status}`);
  }
  await client.request("LOGOUT");
  client.close();
}
