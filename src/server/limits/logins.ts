import type { ListedProc } from "../proc/proc-files.ts";

export interface LoginLimits {
  /** 0: no limit. */
  readonly perUser: number;
  readonly perHost: number;
}

/**
 * Whether one more login of `userid` from `clientHost` stays within the limits. The sessions given include the one that
 * asks only if it is logged in already.
 * @returns undefined when it does, else what the client is told: `3 of 3 for alice`, `5 of 5 from [192.0.2.1]`, or both
 */
export function loginLimitExceeded(
  limits: LoginLimits,
  login: { readonly service: string; readonly userid: string; readonly clientHost: string },
  sessions: Iterable<Pick<ListedProc, "service" | "userid" | "clientHost">>,
): string | undefined {
  let ofUser = 0;
  let ofHost = 0;
  for (const session of sessions) {
    if (session.service !== login.service || session.userid === "") continue;
    if (session.userid === login.userid) ofUser++;
    if (session.clientHost === login.clientHost) ofHost++;
  }
  const problems: string[] = [];
  if (limits.perUser > 0 && ofUser >= limits.perUser)
    problems.push(`${ofUser} of ${limits.perUser} for ${login.userid}`);
  if (limits.perHost > 0 && ofHost >= limits.perHost)
    problems.push(`${ofHost} of ${limits.perHost} from ${login.clientHost}`);
  return problems.length === 0 ? undefined : problems.join(", ");
}
