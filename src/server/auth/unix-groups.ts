import { CachedFile } from "./cached-file.ts";

export interface UnixGroups {
  /** Names of a user's groups, without `group:`: supplementary groups of /etc/group and the primary one. */
  groupsOf(userid: string): readonly string[];
}

/** /etc/group and /etc/passwd as they are; directories behind nsswitch (LDAP, SSSD) are not asked. */
export function unixGroups(options: {
  onError: (error: Error) => void;
  groupPath?: string;
  passwdPath?: string;
}): UnixGroups {
  const { onError, groupPath: path = "/etc/group", passwdPath = "/etc/passwd" } = options;
  const groups = new CachedFile({ path, parse: parseGroups, absent: parseGroups(Buffer.alloc(0)), onError });
  const primary = new CachedFile({ path: passwdPath, parse: parsePasswd, absent: new Map<string, string>(), onError });
  return {
    groupsOf(userid) {
      const { members, names } = groups.get();
      const found = new Set(members.get(userid) ?? []);
      const own = names.get(primary.get().get(userid) ?? "");
      if (own !== undefined) found.add(own);
      return [...found];
    },
  };
}

interface Groups {
  readonly members: Map<string, string[]>;
  readonly names: Map<string, string>;
}

/** `name:password:gid:member,member` */
function parseGroups(octets: Buffer): Groups {
  const members = new Map<string, string[]>();
  const names = new Map<string, string>();
  for (const line of octets.toString("utf8").split("\n")) {
    const [name, , gid, list = ""] = line.split(":");
    if (!name || gid === undefined || name.startsWith("#")) continue;
    names.set(gid, name);
    for (const member of list.split(",").filter(Boolean)) {
      const known = members.get(member);
      if (known === undefined) members.set(member, [name]);
      else known.push(name);
    }
  }
  return { members, names };
}

/** `name:password:uid:gid:...`, the gid by name. */
function parsePasswd(octets: Buffer): Map<string, string> {
  const gids = new Map<string, string>();
  for (const line of octets.toString("utf8").split("\n")) {
    const [name, , , gid] = line.split(":");
    if (name && gid !== undefined) gids.set(name, gid);
  }
  return gids;
}
