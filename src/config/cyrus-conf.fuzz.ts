import type { FuzzTarget } from "../base/fuzz.ts";
import { parseCyrusConf } from "./cyrus-conf.ts";
import { ConfigError } from "./error.ts";
import { makeServices } from "./services.ts";

const services = makeServices([]);
const texts = [
  'START {\n  recover cmd="ctl_cyrusdb -r"\n}\nSERVICES {\n  imap cmd="imapd -s" listen="imap" prefork=5 maxchild=-1 babysit=yes\n}\n',
  'EVENTS {\n  checkpoint cmd="ctl_cyrusdb -c" period=30 # half an hour\n  prune cmd=tls_prune at=0400\n}\nDAEMON {\n  idled cmd="idled" wait=y\n}\n',
  'SERVICES {\n  a cmd=a listen="[::1]:993" proto=tcp6\n  b cmd=b listen=/run/b proto=udp\n  c cmd=c listen="localhost:sieve" maxforkrate=3 maxfds=256\n}\n',
];

export const target: FuzzTarget = {
  name: "cyrus.conf",
  seeds: texts.map((text) => Buffer.from(text, "latin1")),
  run(octets) {
    const { errors } = parseCyrusConf(octets, { services, mode: "reload" });
    try {
      parseCyrusConf(octets, { services });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (errors.length === 0) throw new Error("a start finds an error that a reload does not", { cause: error });
      if (/[\r\n\0]/.test(error.message))
        throw new Error(`more than one line: ${JSON.stringify(error.message)}`, { cause: error });
      return;
    }
    if (errors.length > 0) throw new Error("a reload finds an error that a start does not", { cause: errors[0] });
  },
};
