/** What all IMAP sessions of a process share. Made once, when the program starts. */
import { ChunkPool, type ImapLimits, limitsOf } from "../../formats/imap/index.ts";
import type { UserId } from "../../formats/ids.ts";
import { Mail, Right } from "../../ops/index.ts";
import { inboxOf } from "../../ops/names/index.ts";
import type { Authenticator } from "../../server/auth/index.ts";
import type { Connection } from "../../server/connection/index.ts";
import type { PreparedService, WorkerContext } from "../../server/worker/index.ts";
import { CacheMemory } from "../../store/index.ts";
import { capabilitiesOf } from "./capability.ts";
import { commandTable } from "./commands/index.ts";
import type { ImapService, TableCommand } from "./core.ts";
import { IdleMemory } from "./idle-memory.ts";
import { MIN_TIMEOUT_SECONDS } from "./limits.ts";
import { MailboxHub } from "./mailbox/shared-mailbox.ts";
import { ClientSession } from "./session.ts";

export class SharedService implements ImapService {
  readonly context: WorkerContext;
  readonly mail: Mail;
  readonly logins: Authenticator;
  readonly hub: MailboxHub;
  readonly pool = new ChunkPool();
  readonly cacheMemory = new CacheMemory();
  readonly limits: { readonly preLogin: ImapLimits; readonly session: ImapLimits };
  readonly commands: ReadonlyMap<string, TableCommand>;
  readonly capabilities: readonly string[];
  /** `suppress_capabilities`. */
  readonly suppressed: ReadonlySet<string>;
  /** `-p N`: strength of a security layer outside of us (a TLS proxy). */
  readonly externalSsf: number;
  /** `-q`: quotas do not hold here. */
  readonly ignoreQuota: boolean;
  /** `-N`: logins without password, for tests. */
  readonly withoutPassword: boolean;
  /** `maxmessagesize`; 0: no limit. */
  readonly maxMessageOctets: number;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly #memory: IdleMemory;

  constructor(context: WorkerContext, mail: Mail) {
    const { config, options } = context;
    this.context = context;
    this.mail = mail;
    this.#memory = new IdleMemory(() => context.worker.size);
    this.logins = context.newAuthenticator({
      saslService: "imap",
      logStyle: "session",
      hasAdminRightOn: (authid, userid) => hasAdminRight(mail, authid, userid),
    });
    this.hub = new MailboxHub(mail, config.imapidlepoll * 1_000);
    this.limits = limitsOf(config);
    this.commands = commandTable(config);
    this.capabilities = capabilitiesOf(this.commands.values());
    this.suppressed = new Set((config.suppress_capabilities ?? "").split(/\s+/));
    this.externalSsf = Number(options.flags.get("p") ?? 0) || 0;
    this.ignoreQuota = options.flags.has("q");
    this.withoutPassword = options.flags.has("N");
    this.maxMessageOctets = Math.max(0, config.maxmessagesize);
    this.timeoutMs = Math.max(config.timeout, MIN_TIMEOUT_SECONDS) * 1_000;
    this.idleTimeoutMs = config.imapidletimeout === undefined ? this.timeoutMs : config.imapidletimeout * 1_000;
  }

  close(): void {
    this.#memory.close();
    this.hub.close();
    this.mail.close();
  }
}

/** Whether somebody may act for a user because of right "a" on the user's INBOX (`loginuseacl`). */
function hasAdminRight(mail: Mail, authid: UserId, userid: UserId): boolean {
  const { access } = mail.as({ userId: authid, groups: [], isAdmin: false, sessionId: "" });
  const inbox = inboxOf(userid, mail.rules.names);
  const entry = inbox === undefined ? undefined : mail.view((snapshot) => snapshot.entry(inbox));
  return entry !== undefined && (access.rights(entry.name, entry.acl) & Right.admin) !== 0;
}

/** @param mail for tests; otherwise the store that the configuration names */
export function prepareImap(context: WorkerContext, mail: Mail = new Mail(context.config)): PreparedService {
  const service = new SharedService(context, mail);
  return {
    createSession: (connection: Connection) => new ClientSession(service, connection),
    close: () => service.close(),
  };
}
