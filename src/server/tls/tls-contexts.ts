import type { TLSSocketOptions } from "node:tls";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/index.ts";

export class TlsContexts {
  static fromConfig(_config: Config, _log: Log): TlsContexts | undefined {
    return undefined;
  }
  serverOptions(): TLSSocketOptions {
    return {};
  }
}
