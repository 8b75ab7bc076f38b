/** Which program a `cmd=` of cyrus.conf means, whatever it is called there. */

/**
 * The program without directory and without `cyr_` or `ctl_`, and its arguments: `imapd`, `cyr_imapd`,
 * `/usr/lib/cyrus/bin/imapd` are imapd; `ctl_cyrusdb`, `cyr_cyrusdb`, `/usr/sbin/cyrus ctl_cyrusdb` are cyrusdb.
 */
export function programOf(cmd: readonly string[]): { readonly program: string; readonly args: readonly string[] } {
  const [first = "", ...rest] = cmd;
  const base = first.slice(first.lastIndexOf("/") + 1);
  // Debian's front end: /usr/sbin/cyrus NAME ARGUMENTS
  if (base === "cyrus" && rest.length > 0) return { program: withoutPrefix(rest[0]!), args: rest.slice(1) };
  return { program: withoutPrefix(base), args: rest };
}

function withoutPrefix(name: string): string {
  return name.replace(/^(?:cyr|ctl)_/, "");
}

/** The argument of a flag, `-E 3`, `-E3` or `-vE 3`; undefined when the flag is not there. */
export function flagOf(args: readonly string[], letter: string): string | undefined {
  const at = args.findIndex((arg) => /^-[A-Za-z]+/.exec(arg)?.[0].includes(letter));
  if (at < 0) return undefined;
  const glued = args[at]!.slice(args[at]!.indexOf(letter) + 1);
  return glued !== "" ? glued : (args[at + 1] ?? "");
}

export function hasFlag(args: readonly string[], letter: string): boolean {
  return args.some((arg) => /^-[A-Za-z]/.test(arg) && arg.includes(letter));
}
