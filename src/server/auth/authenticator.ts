import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/index.ts";
import type { UserId } from "../../formats/ids.ts";
import type { Connection } from "../connection/index.ts";
import { loginLimitExceeded } from "../limits/logins.ts";
import { addressGroup } from "../limits/pre-login.ts";
import type { ListedProc } from "../proc/proc-files.ts";
import { type AuthorizationOptions, adminStatus, mayActFor } from "./authorization.ts";
import { type Canonical, type CanonicalOptions, canonicalUserid } from "./canonical-userid.ts";
import { failure, type Identity, type LoginFailure, type LoginResult, type PasswordLogin } from "./identity.ts";
import { badLoginLine, loginLine, type LoginLogStyle, saslDetails } from "./login-log.ts";
import { LoginTurns } from "./login-turns.ts";
import { OperatorFiles } from "./operator-files.ts";
import { checkPassword, type PasswordBackend } from "./password-check.ts";
import { makePasswordBackends } from "./password-backends.ts";
import { type ExchangeHost, SaslExchange } from "./sasl-exchange.ts";
import { type UnixGroups, unixGroups } from "./unix-groups.ts";
import { UserLookup, userDatabasePath } from "./user-database.ts";

/** What a protocol says about itself. */
export interface AuthenticatorOptions {
  readonly config: Config;
  readonly log: Log;
  /** cyrus.conf entry name: what user_deny.db and login limits go by. */
  readonly service: string;
  /** `imap`, `pop`, `nntp`, `lmtp`, `sieve`, `csync`, `mupdate`, `http`. */
  readonly saslService: string;
  readonly serverName: string;
  readonly logStyle: LoginLogStyle;
  /** LMTP and mupdate log failures as errors. */
  readonly failuresAreErrors?: boolean;
  /** LMTP, csync and mupdate do not pause after a failed login. */
  readonly pausesOnFailure?: boolean;
  /** Only administrators who act as themselves may log in (LMTP). Others are refused before they count as logged in. */
  readonly requiresAdmin?: boolean;
  /** Backends of a murder honour `proxyservers`. Default true. */
  readonly honoursProxyServers?: boolean;
  /** `loginuseacl`: whether `authid` has right "a" on the INBOX of `userid`. */
  readonly hasAdminRightOn?: (authid: UserId, userid: UserId) => boolean | Promise<boolean>;
  /** Sessions of this host, for login limits; asked only when a limit is set. */
  readonly sessions?: () => Promise<Iterable<Pick<ListedProc, "service" | "userid" | "clientHost">>>;
  /** For tests. */
  readonly backends?: readonly PasswordBackend[];
  readonly groups?: UnixGroups;
}

/** Logins of one service: checks, limits, pauses and log lines; the protocol only words the answer. */
export class Authenticator implements ExchangeHost {
  readonly options: AuthenticatorOptions;
  readonly files: OperatorFiles;
  /** Looks up SCRAM verifiers; undefined when our own user database is not among the methods. */
  readonly users: UserLookup | undefined;
  readonly #backends: readonly PasswordBackend[];
  readonly #groups: UnixGroups;
  readonly #authorization: AuthorizationOptions;
  readonly #canonical: CanonicalOptions & { readonly serverDomain: string | undefined };
  readonly #mechanisms: ReadonlySet<string> | undefined;
  /** Logins take turns where sessions are counted, so that two at once do not both get the last place. */
  #countingLogins: Promise<void> = Promise.resolve();
  readonly #turns = new LoginTurns();

  constructor(options: AuthenticatorOptions) {
    const { config, log, service, saslService, serverName } = options;
    this.options = options;
    this.files = new OperatorFiles({
      configDirectory: config.configdirectory,
      userDenyPath: config.userdeny_db_path,
      service,
      log,
    });
    const path = userDatabasePath({ saslDbPath: config.sasl("sasldb_path"), configDirectory: config.configdirectory });
    const users = new UserLookup(path, serverName);
    this.#backends = options.backends ?? makePasswordBackends({ config, log, saslService, users });
    this.users = this.#backends.some(({ method }) => method === "auxprop") ? users : undefined;
    const onError = (error: Error): void => log.err(`IOERROR: ${error.message}`);
    this.#groups = options.groups ?? (config.unix_group_enable ? unixGroups({ onError }) : { groupsOf: () => [] });
    this.#authorization = {
      admins: config.raw(`${saslService}_admins`) ?? config.admins,
      proxyservers: config.proxyservers ?? "",
      virtdomains: config.virtdomains,
      honoursProxyServers: options.honoursProxyServers ?? true,
    };
    const { imapmagicplus, virtdomains, defaultdomain, loginrealms, username_tolower, unixhierarchysep } = config;
    const names = { imapmagicplus, virtdomains, defaultdomain, loginrealms, username_tolower, unixhierarchysep };
    this.#canonical = { ...names, serverDomain: domainOf(serverName) };
    const list = config.sasl("mech_list");
    this.#mechanisms = list === undefined ? undefined : new Set(list.toUpperCase().split(/[\s,]+/));
  }

  /** True when passwords may be sent as they are: inside TLS, or with `allowplaintext`. Loopback is nothing special. */
  plaintextAllowed(connection: Connection, externalSsf = 0): boolean {
    const { config } = this.options;
    if (!this.#strongEnough(connection, externalSsf)) return false;
    return connection.tls !== undefined || externalSsf >= 2 || config.allowplaintext;
  }

  /** Mechanisms to offer on this connection now, in the order in which they are listed to clients. */
  mechanismsFor(connection: Connection, externalSsf = 0): string[] {
    if (!this.#strongEnough(connection, externalSsf)) return [];
    const offered: string[] = [];
    if (this.plaintextAllowed(connection, externalSsf)) offered.push("PLAIN", "LOGIN");
    if (this.users?.exists) {
      for (const name of ["SCRAM-SHA-1", "SCRAM-SHA-256"]) {
        if (connection.tls !== undefined) offered.push(`${name}-PLUS`);
        offered.push(name);
      }
    }
    if (connection.tls?.commonName !== undefined) offered.push("EXTERNAL");
    if (this.#anonymousAllowed && this.#mechanisms?.has("ANONYMOUS")) offered.push("ANONYMOUS");
    return offered.filter((name) => this.#mechanisms?.has(name.replace(/-PLUS$/, "")) ?? true);
  }

  /**
   * A login with a password (LOGIN, USER and PASS, PLAIN). After success the connection counts as logged in.
   * Waits `failedloginpause` before it reports a failure, and `plaintextloginpause` after a plaintext success.
   */
  async password(login: PasswordLogin): Promise<LoginResult> {
    const { connection, mechanism } = login;
    const started = performance.now();
    const isPlaintext = mechanism === "plaintext";
    const authid = this.canonical(login.authcid);
    if (authid.kind === "anonymous" && isPlaintext) return this.#anonymousLogin(login, started);
    if (authid.kind === "foreignRealm") return this.#failed(login, started, "credentials", passwordDetail(mechanism));
    if (authid.kind !== "user") return this.#invalid(login, started);
    const result = await this.inTurn(connection, authid.userid, (since) => this.#check(login, authid, since));
    if (result === undefined) return this.#failed(login, started, "unavailable", saslDetails.unavailable);
    if (result.ok && isPlaintext && connection.tls === undefined) {
      await pause(1_000 * (this.options.config.plaintextloginpause ?? 0));
    }
    return result;
  }

  /** @returns undefined when it could not be found out whether the password is right */
  async #check(
    login: PasswordLogin,
    authid: Extract<Canonical, { kind: "user" }>,
    started: number,
  ): Promise<LoginResult | undefined> {
    const answer = await checkPassword(this.#backends, {
      userid: authid.userid,
      password: login.password,
      listenerIsLocal: login.connection.isLocal,
      isWanted: () => login.connection.open,
    });
    if (answer === "unavailable") return undefined;
    if (answer === "wrong") return this.#failed(login, started, "credentials", passwordDetail(login.mechanism));
    return this.authorize(login, authid, started);
  }

  /**
   * Runs a check of what proves `name`, and the pause after its failure, when those of the same client network and user are over.
   * @param check gets the time from which its pause counts: when its turn came, for a pause that was over before would be none
   * @returns undefined when it was not run: too many wait, or the client is gone
   */
  async inTurn<T>(
    connection: Connection,
    name: string,
    check: (started: number) => Promise<T>,
  ): Promise<T | undefined> {
    const { pausesOnFailure, config } = this.options;
    if (pausesOnFailure === false || config.failedloginpause <= 0) return check(performance.now());
    const pair = {
      network: addressGroup(connection.address),
      userid: name,
      isWanted: () => connection.open && !connection.peerHasEnded,
    };
    return this.#turns.run(pair, () => check(performance.now()));
  }

  /**
   * A login whose password is not looked at (`imapd -N`, tests only): on loopback and Unix sockets, as `alwaystrue`.
   * Logged as `nopassword`.
   */
  async withoutPassword(login: Omit<PasswordLogin, "password" | "mechanism">): Promise<LoginResult> {
    const started = performance.now();
    const asked = { ...login, mechanism: "nopassword" };
    if (!login.connection.isLocal) {
      this.options.log.err("logins without password are refused on a listener that is not loopback");
      return this.#failed(asked, started, "credentials", saslDetails.plaintextFailed);
    }
    return this.proved(asked, started);
  }

  /** Begins a SASL exchange. The mechanism is one the client named; unknown and not offered ones fail at `start`. */
  exchange(
    mechanism: string,
    connection: Connection,
    more: { sessionId?: string; externalSsf?: number } = {},
  ): SaslExchange {
    return new SaslExchange(this, mechanism.toUpperCase(), connection, more);
  }

  /** For the SASL exchange: the identity was proved otherwise than by a password. */
  async proved(login: Omit<PasswordLogin, "password">, started: number): Promise<LoginResult> {
    const authid = this.canonical(login.authcid);
    if (authid.kind !== "user") return this.#failed(login, started, "credentials", saslDetails.passwordFailed);
    return this.authorize(login, authid, started);
  }

  /** The mapping of login names with this service's options. */
  canonical(name: string): Canonical {
    return canonicalUserid(name, this.#canonical);
  }

  /** Names of a user's groups, without `group:`. */
  groupsOf(userid: UserId): readonly string[] {
    return this.#groups.groupsOf(userid);
  }

  /** Reports a failed SASL exchange: log line, pause. */
  async rejected(
    login: Omit<PasswordLogin, "password">,
    started: number,
    reason: LoginFailure["reason"],
    detail: string,
  ): Promise<LoginFailure> {
    return this.#failed(login, started, reason, detail);
  }

  /** Everything after the password was right: proxy authorization, denials, limits. */
  async authorize(
    login: Omit<PasswordLogin, "password">,
    authid: Extract<Canonical, { kind: "user" }>,
    started: number,
  ): Promise<LoginResult> {
    const { mechanism, authzid = "" } = login;
    const { service, log } = this.options;
    const target = authzid === "" ? authid : this.canonical(authzid);
    if (target.kind !== "user") return this.#failed(login, started, "credentials", saslDetails.notAuthorized);
    const { userid } = target;
    const ownGroups = this.#groups.groupsOf(authid.userid);
    const admin = adminStatus(this.#authorization, authid.userid, ownGroups);
    const isOther = userid !== authid.userid;
    if (isOther && !(await this.#mayActFor(authid.userid, ownGroups, userid))) {
      return this.#failed(login, started, "credentials", saslDetails.notAuthorized);
    }
    if (this.options.requiresAdmin === true && (isOther || !admin.isAdmin)) {
      return this.#failed(login, started, "credentials", "not an admin");
    }
    if (!admin.isAdmin && !this.files.denialsKnown) {
      return this.#failed(login, started, "unavailable", "user_deny.db cannot be read");
    }
    if (!admin.isAdmin && this.files.denial(userid) !== undefined) {
      log.err(`user '${userid}' denied access to service '${service}'`);
      return this.#failed(login, started, "denied", `user '${userid}' is denied access to service '${service}'`);
    }
    const groups = isOther ? this.#groups.groupsOf(userid) : ownGroups;
    const targetAdmin = isOther && adminStatus(this.#authorization, userid, groups).isAdmin;
    const identity: Identity = {
      ok: true,
      userid,
      authid: authid.userid,
      magicPlus: target.magicPlus,
      isAdmin: !isOther && admin.isAdmin,
      adminDomain: isOther ? undefined : admin.adminDomain,
      isProxyAdmin: targetAdmin,
      groups,
      isAnonymous: false,
      mechanism,
    };
    const tooMany = await this.#acceptWithinLimits(login, identity);
    if (tooMany === undefined) return identity;
    log.notice(badLoginLine(this.options.logStyle, this.#event(login), `Too many open connections (${tooMany})`));
    return failure("tooMany", `Too many open connections (${tooMany})`);
  }

  /** @returns what is told when a login limit is reached; undefined when the login was accepted */
  async #acceptWithinLimits(login: Omit<PasswordLogin, "password">, identity: Identity): Promise<string | undefined> {
    const { config, sessions, service } = this.options;
    const limits = { perUser: config.maxlogins_per_user, perHost: config.maxlogins_per_host };
    if (sessions === undefined || (limits.perUser <= 0 && limits.perHost <= 0)) {
      this.#accepted(login, identity);
      return undefined;
    }
    const asking = { service, userid: identity.userid, clientHost: login.connection.peer };
    const mine = this.#countingLogins.then(async () => {
      const tooMany = loginLimitExceeded(limits, asking, await sessions());
      if (tooMany === undefined) this.#accepted(login, identity);
      return tooMany;
    });
    // Who comes after a login that failed for an error is not to blame for it.
    this.#countingLogins = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  #accepted(login: Omit<PasswordLogin, "password">, identity: Identity): void {
    const { connection, sessionId } = login;
    const { log, logStyle } = this.options;
    const event = { ...this.#event(login), user: `${identity.userid}${identity.magicPlus}` };
    log.notice(loginLine(logStyle, { ...event, tls: connection.tls !== undefined, sessionId }));
    connection.sessionId ??= sessionId;
    connection.loggedIn(identity.userid);
  }

  async #mayActFor(authid: UserId, groups: readonly string[], target: UserId): Promise<boolean> {
    if (mayActFor(this.#authorization, authid, groups, target)) return true;
    const { config, hasAdminRightOn } = this.options;
    return config.loginuseacl && hasAdminRightOn !== undefined && (await hasAdminRightOn(authid, target));
  }

  get #anonymousAllowed(): boolean {
    return this.options.config.allowanonymouslogin && this.options.requiresAdmin !== true;
  }

  /** `tls_required`, `sasl_minimum_layer`. */
  #strongEnough(connection: Connection, externalSsf: number): boolean {
    const { config } = this.options;
    const ssf = Math.max(externalSsf, connection.tls === undefined ? 0 : Math.max(2, connection.tls.bits));
    return ssf >= (config.tls_required ? Math.max(2, config.sasl_minimum_layer) : config.sasl_minimum_layer);
  }

  async #anonymousLogin(login: PasswordLogin, started: number): Promise<LoginResult> {
    const { log } = this.options;
    const { peer } = login.connection;
    if (!this.#anonymousAllowed) {
      log.notice(`badlogin: ${peer} anonymous login refused`);
      await this.#pauseAfterFailure(started);
      return failure("anonymous");
    }
    log.notice(`login: ${peer} anonymous ${login.password}`);
    return this.anonymous(login.connection, login.mechanism);
  }

  /** The anonymous identity, once it is known to be allowed. */
  anonymous(connection: Connection, mechanism: string): Identity {
    const userid = "anonymous" as UserId;
    connection.loggedIn(userid);
    const common = { isAdmin: false, adminDomain: undefined, isProxyAdmin: false, groups: [], isAnonymous: true };
    return { ok: true, userid, authid: userid, magicPlus: "", mechanism, ...common };
  }

  async #invalid(login: PasswordLogin, started: number): Promise<LoginFailure> {
    if (login.mechanism !== "plaintext")
      return this.#failed(login, started, "credentials", passwordDetail(login.mechanism));
    const { host, mechanism, user } = this.#event(login);
    this.#logFailure(`badlogin: ${host} ${mechanism} (${user}) invalid user`);
    await this.#pauseAfterFailure(started);
    return failure("invalidUser");
  }

  async #failed(
    login: Omit<PasswordLogin, "password">,
    started: number,
    reason: LoginFailure["reason"],
    detail: string,
  ): Promise<LoginFailure> {
    this.#logFailure(badLoginLine(this.options.logStyle, this.#event(login), detail));
    await this.#pauseAfterFailure(started);
    return failure(reason);
  }

  #logFailure(line: string): void {
    if (this.options.failuresAreErrors) this.options.log.err(line);
    else this.options.log.notice(line);
  }

  #event({ connection, authcid, mechanism }: Omit<PasswordLogin, "password">) {
    return { host: connection.peer, user: authcid, mechanism };
  }

  /** Counted from the beginning of the login, so that the time of the answer does not tell how far the check came. */
  async #pauseAfterFailure(started: number): Promise<void> {
    if (this.options.pausesOnFailure === false) return;
    await pause(started + 1_000 * this.options.config.failedloginpause - performance.now());
  }
}

/** With virtdomains "on": the domain of users who name none. Cyrus looks the server's address up; we take `servername`. */
function domainOf(serverName: string): string | undefined {
  const dot = serverName.indexOf(".");
  return dot < 0 ? undefined : serverName.slice(dot + 1);
}

function passwordDetail(mechanism: string): string {
  return mechanism === "PLAIN" ? saslDetails.passwordFailed : saslDetails.plaintextFailed;
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await new Promise<void>((resolve) => setTimeout(resolve, milliseconds).unref());
}
