import type { FuzzTarget } from "../base/fuzz.ts";
import { ConfigError } from "./error.ts";
import { parseImapdConf } from "./imapd-conf.ts";

const texts = [
  "configdirectory: /var/lib/cyrus\npartition-default: /var/spool/cyrus\nadmins: cyrus\n",
  "# comment \\\nstill comment\nconfigdirectory: /a\\\n/b\ntimeout: 1h30m\nimap_timeout: 40\nimap_sasl_mech_list: PLAIN\n",
  "configdirectory: /a\n@include: b\n@INCLUDE: c\nhttpmodules: caldav carddav\nvirtdomains: yes\nallowplaintext: t\n",
  "configdirectory: /a\nautocreate_acl: A anyone lrs\nautocreate_acl: B c anyone lrs\narchive_days: 3\nmaxquoted: 0x10\n",
  "\xef\xbb\xbfconfigdirectory: /a\r\naltprefix: \xc3\xa9\xff\r\nt1searchpartition-default: /x\r\n",
];

export const target: FuzzTarget = {
  name: "imapd.conf",
  seeds: texts.map((text) => Buffer.from(text, "latin1")),
  run(octets) {
    try {
      const config = parseImapdConf(octets, { service: "imap", readInclude: (path) => octets.subarray(path.length) });
      config.channel("repl1");
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (/[\r\n\0]/.test(error.message))
        throw new Error(`more than one line: ${JSON.stringify(error.message)}`, { cause: error });
    }
  },
};
