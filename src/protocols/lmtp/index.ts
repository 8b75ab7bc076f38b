/** LMTP (RFC 2033). See README.md. */
import { Mail } from "../../ops/index.ts";
import type { Connection } from "../../server/connection/index.ts";
import type { PreparedService, WorkerContext } from "../../server/worker/index.ts";
import { LmtpService } from "./service.ts";
import { LmtpSession } from "./session.ts";

/** @param mail for tests; otherwise the store that the configuration names */
export function prepareLmtp(context: WorkerContext, mail: Mail = new Mail(context.config)): PreparedService {
  const service = new LmtpService(context, mail);
  return {
    createSession: (connection: Connection) => new LmtpSession(service, connection),
    close: () => service.close(),
  };
}
