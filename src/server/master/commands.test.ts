import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ProgramPlaces, programOf, resolveCommand } from "./commands.ts";

const root = mkdtempSync(join(tmpdir(), "commands-"));
after(() => rmSync(root, { recursive: true }));
const directory = join(root, "programs");
mkdirSync(directory);
for (const name of ["cyr_imapd", "cyr_cyrusdb", "cyr_expire", "cyr_deliver", "cyr_brandnew"]) {
  writeFileSync(join(directory, `${name}.ts`), "");
}
const tool = join(root, "quota");
writeFileSync(tool, "#!/bin/sh\n");
chmodSync(tool, 0o755);
const places: ProgramPlaces = { directory, extension: ".ts", searchPath: `relative:${root}:/bin` };

/** `ours cyr_imapd -s`, `foreign /bin/sh -c`, `absent cyr_httpd`, `missing /x` */
function resolved(command: string): string {
  const [name = "", ...args] = command.trim().split(/\s+/);
  const it = resolveCommand([name, ...args], places);
  if (it.kind === "ours") return ["ours", it.program, ...it.args].join(" ");
  if (it.kind === "foreign") return ["foreign", it.path, ...it.args].join(" ");
  return `${it.kind} ${it.kind === "absent" ? it.program : it.path}`;
}

for (const [command, expected] of [
  ["imapd -s", "ours cyr_imapd -s"],
  ["cyr_imapd", "ours cyr_imapd"],
  ["  ctl_cyrusdb\t-r ", "ours cyr_cyrusdb -r"],
  ["cyr_expire -E 3", "ours cyr_expire -E 3"],
  ["brandnew", "ours cyr_brandnew"],
  ["/usr/sbin/cyrus ctl_cyrusdb -c", "ours cyr_cyrusdb -c"],
  ["/usr/sbin/cyrus expire -E 4 -D 28", "ours cyr_expire -E 4 -D 28"],
  ["/usr/sbin/cyrus tls_prune", "absent cyr_tls_prune"],
  ["/usr/lib/cyrus/bin/imapd -U 30", "ours cyr_imapd -U 30"],
  ["/usr/lib/cyrus-imapd/imapd", "ours cyr_imapd"],
  ["/usr/sbin/cyrdeliver fred", "ours cyr_deliver fred"],
  ["/anywhere/cyr_imapd", "ours cyr_imapd"],
  ["deliver fred", "ours cyr_deliver fred"],
  ["ctl_deliver -d", "absent cyr_ctl_deliver"],
  ["httpd", "absent cyr_httpd"],
  ["proxyd", "absent cyr_proxyd"],
  [`${tool} -f`, `foreign ${tool} -f`], // a site's own program may have a name of Cyrus's
  ["/bin/sh -c true", "foreign /bin/sh -c true"],
  ["sh", "foreign /bin/sh"],
  ["/nonexistent/imapd", "missing /nonexistent/imapd"],
  ["no-such-program", "missing no-such-program"],
  ["../quota", "missing ../quota"],
  ["../programs/cyr_../x", "missing ../programs/cyr_../x"],
] as const) {
  test(`cmd="${command.replace(root, "")}"`, () => assert.equal(resolved(command), expected));
}

test("names that only look like ours", () => {
  assert.equal(programOf("__proto__"), undefined);
  assert.equal(programOf("imap"), undefined);
  assert.equal(programOf("cyr_nothing"), undefined);
});
