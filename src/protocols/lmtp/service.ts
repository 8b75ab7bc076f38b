/** What all LMTP sessions of a process share. Made once, when the program starts. */
import { randomInt } from "node:crypto";
import { version } from "../../config/index.ts";
import type { Mail } from "../../ops/index.ts";
import { type ArrivalRules, Delivery } from "../../ops/delivery/index.ts";
import type { Authenticator } from "../../server/auth/index.ts";
import type { Connection } from "../../server/connection/index.ts";
import type { WorkerContext } from "../../server/worker/index.ts";

/** The most that `randomInt` takes. */
const MAX_RANDOM = 2 ** 48 - 1;

export class LmtpService {
  readonly context: WorkerContext;
  readonly mail: Mail;
  readonly delivery: Delivery;
  readonly logins: Authenticator;
  readonly arrivalRules: ArrivalRules;
  readonly banner: string;
  readonly timeoutMs: number;
  /** `-a`: who connects over TCP needs no login. */
  readonly #trustsTcp: boolean;
  /** `lmtp_preauth_anywhere: yes`: also on a listener that is not loopback. */
  readonly #trustsAnywhere: boolean;

  constructor(context: WorkerContext, mail: Mail) {
    const { config, options, serverName, log } = context;
    this.context = context;
    this.mail = mail;
    this.delivery = new Delivery(mail, config, log);
    this.logins = context.newAuthenticator({
      saslService: "lmtp",
      logStyle: "plain",
      failuresAreErrors: true,
      pausesOnFailure: false,
      // Mail is put into others' mailboxes here.
      requiresAdmin: true,
    });
    this.arrivalRules = {
      reject8bit: config.reject8bit,
      munge8bit: config.munge8bit,
      maxheaderlines: config.maxheaderlines,
      maxMessageOctets: Math.max(0, config.maxmessagesize),
    };
    const product = config.serverinfo === "on" ? ` Cyrus LMTP ${version}` : "";
    this.banner = `220 ${serverName}${product} server ready\r\n`;
    this.timeoutMs = config.lmtptxn_timeout * 1_000;
    this.#trustsTcp = options.flags.has("a");
    this.#trustsAnywhere = config.lmtp_preauth_anywhere;
  }

  /** Whether the client needs no login: on a Unix socket, or with -a on a loopback address. */
  isTrusted(connection: Connection): boolean {
    if (connection.localAddress === "" && connection.address === "") return true;
    if (!this.#trustsTcp) return false;
    if (this.#trustsAnywhere || connection.isLocal) return true;
    this.context.log.err(
      `-a does not hold for ${connection.peer}: the listener is not loopback; see lmtp_preauth_anywhere`,
    );
    return false;
  }

  newMessageId(): string {
    const seconds = Math.floor(Date.now() / 1_000);
    // No counter as in Cyrus: duplicate suppression goes by it, and who could tell the next one could have that message dropped.
    return `<cmu-lmtpd-${process.pid}-${seconds}-${randomInt(MAX_RANDOM)}@${this.context.serverName}>`;
  }

  async close(): Promise<void> {
    this.delivery.close();
    await this.mail.close();
  }
}
