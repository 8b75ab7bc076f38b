/** Who is an administrator, and who may act for whom. */

export interface AuthorizationOptions {
  /** Blank-separated userids and `group:NAME`; already those of the service. */
  readonly admins: string;
  readonly proxyservers: string;
  readonly virtdomains: "off" | "userid" | "on";
  /** The service works as a backend: `proxyservers` may log in for users. */
  readonly honoursProxyServers: boolean;
}

export interface AdminStatus {
  readonly isAdmin: boolean;
  /** Set for an admin of one domain only. */
  readonly adminDomain: string | undefined;
}

/** True when the userid, or one of its groups as `group:NAME`, is in the list. */
export function isListed(list: string, userid: string, groups: readonly string[]): boolean {
  return list.split(/\s+/).some((entry) => {
    if (entry.startsWith("group:")) return groups.includes(entry.slice("group:".length));
    return entry !== "" && entry === userid;
  });
}

export function adminStatus(options: AuthorizationOptions, userid: string, groups: readonly string[]): AdminStatus {
  if (!isListed(options.admins, userid, groups)) return { isAdmin: false, adminDomain: undefined };
  const at = userid.indexOf("@");
  return { isAdmin: true, adminDomain: options.virtdomains !== "off" && at >= 0 ? userid.slice(at + 1) : undefined };
}

/** True when `authid`, who gave the password, may act for any other user. An admin of one domain may for users of that domain. */
export function mayActFor(
  options: AuthorizationOptions,
  authid: string,
  groups: readonly string[],
  target: string,
): boolean {
  const { isAdmin, adminDomain } = adminStatus(options, authid, groups);
  if (isAdmin && (adminDomain === undefined || target.endsWith(`@${adminDomain}`))) return true;
  return options.honoursProxyServers && isListed(options.proxyservers, authid, groups);
}
