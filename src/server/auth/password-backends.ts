import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/index.ts";
import { alwaysTrueBackend, databaseBackend, type PasswordBackend, saslauthdBackend } from "./password-check.ts";
import type { UserLookup } from "./user-database.ts";

/** Where Debian's saslauthd listens. */
const defaultSaslauthdPath = "/var/run/saslauthd/mux";

/** The backends of `sasl_pwcheck_method`, in its order; methods we do not have are reported and skipped. */
export function makePasswordBackends(options: {
  config: Config;
  log: Log;
  saslService: string;
  users: UserLookup;
}): PasswordBackend[] {
  const { config, log, saslService, users } = options;
  const methods = (config.sasl("pwcheck_method") ?? "auxprop").split(/[\s,]+/).filter(Boolean);
  const backends: PasswordBackend[] = [];
  for (const method of methods) {
    switch (method.toLowerCase()) {
      case "auxprop":
      case "auxprop-hashed":
        if (!backends.some((backend) => backend.method === "auxprop")) backends.push(databaseBackend({ users, log }));
        break;
      case "saslauthd":
        backends.push(
          saslauthdBackend({ path: config.sasl("saslauthd_path") ?? defaultSaslauthdPath, service: saslService, log }),
        );
        break;
      case "alwaystrue": {
        const anywhere = /^(?:1|y|t|on)/.test(config.sasl("alwaystrue_anywhere") ?? "");
        log.warning("sasl_pwcheck_method: alwaystrue accepts every password");
        backends.push(alwaysTrueBackend({ anywhere, log }));
        break;
      }
      default:
        log.err(`sasl_pwcheck_method: "${method}" is not available; use auxprop, saslauthd or alwaystrue`);
    }
  }
  return backends;
}
