/** One client: reads commands, takes messages, and answers each batch of octets with one write. */
import {
  DotUnstuffer,
  formatReply,
  type Line,
  LmtpInput,
  type LmtpCommand,
  parseCommand,
  parseMail,
  parseRcpt,
  type ParameterFault,
} from "../../formats/lmtp/index.ts";
import type { UserId } from "../../formats/ids.ts";
import { type CallerMail, fileFailure, refusalText } from "../../ops/index.ts";
import {
  type AcceptedRecipient,
  type Arrival,
  ArrivingMessage,
  type ArrivedMessage,
  type Outcome,
  type Resolution,
} from "../../ops/delivery/index.ts";
import type { ExchangeStep, Identity, SaslExchange } from "../../server/auth/index.ts";
import type { Connection, Session, ShutdownReason } from "../../server/connection/index.ts";
import { preLoginAheadOctets, preLoginCommands } from "../../server/limits/limits.ts";
import { type AnswerContext, refusalReply } from "./answers.ts";
import { MAX_AHEAD_OCTETS, MAX_BAD_COMMANDS, MAX_MESSAGE_OCTETS, MAX_RECIPIENTS } from "./limits.ts";
import type { LmtpService } from "./service.ts";
import { formatDate, traceFields } from "./trace.ts";

/** The identity a client has that needs no login. */
const TRUSTED_USERID = "postman";

const replies = {
  syntax: "500 5.5.2 Syntax error\r\n",
  badArguments: "501 5.5.4 Syntax error in parameters\r\n",
  mailOk: "250 2.1.0 ok\r\n",
  rcptOk: "250 2.1.5 ok\r\n",
  noopOk: "250 2.0.0 ok\r\n",
  goAhead: "354 go ahead\r\n",
  vrfy: "252 2.3.3 try RCPT to attempt delivery\r\n",
  bye: "221 2.0.0 bye\r\n",
  needMail: "503 5.5.1 Need MAIL command\r\n",
  nested: "503 5.5.1 Nested MAIL command\r\n",
  noRecipients: "503 5.5.1 No recipients\r\n",
  tooManyRecipients: "452 4.5.3 Too many recipients\r\n",
  disabled: "451 4.2.1 Mailbox is disabled\r\n",
  lineTooLong: "500 5.5.2 Line too long\r\n",
} as const;

const parameterFaults: Readonly<Record<ParameterFault, string>> = {
  unrecognized: "501 5.5.4 Unrecognized parameters\r\n",
  body: "501 5.5.4 Unrecognized BODY type\r\n",
  sizeValue: "501 5.5.2 SIZE requires a value\r\n",
};

/** A message as it comes. */
interface Incoming {
  readonly unstuffer: DotUnstuffer;
  readonly message: ArrivingMessage;
  /** What must be waited for before more octets are taken. */
  wait: Promise<void> | undefined;
}

/** From MAIL to the replies after the final dot. */
interface Transaction {
  readonly sender: string;
  readonly sizeOctets: number | undefined;
  readonly poster: string | undefined;
  readonly mail: CallerMail;
  readonly recipients: AcceptedRecipient[];
}

export class LmtpSession implements Session {
  readonly service: LmtpService;
  readonly connection: Connection;
  readonly #input = new LmtpInput();
  readonly #isTrusted: boolean;
  #sessionId: string;
  #lhloName = "";
  #identity: Identity | undefined;
  /** EXTERNAL was used by a client that needed no login. */
  #saidWhoItIs = false;
  #transaction: Transaction | undefined;
  #incoming: Incoming | undefined;
  #exchange: SaslExchange | "external" | undefined;
  /** Something is waited for; octets that come are kept. */
  #working = false;
  #paused = false;
  #out = "";
  #commandsBeforeLogin = 0;
  #badCommands = 0;
  /** Said when the work at hand is done. */
  #goodbye: string | undefined;

  constructor(service: LmtpService, connection: Connection) {
    this.service = service;
    this.connection = connection;
    this.#sessionId = service.context.newSessionId();
    connection.sessionId = this.#sessionId;
    connection.setIdleTimeout(service.timeoutMs);
    this.#isTrusted = service.isTrusted(connection);
    if (this.#isTrusted) connection.loggedIn(TRUSTED_USERID);
    connection.writeText(service.banner);
  }

  // ---- Session

  octets(octets: Buffer): void {
    this.#input.push(octets);
    if (!this.#working) this.#work();
    if (!this.#working) return;
    const mayBeAhead = this.#mayDeliver ? MAX_AHEAD_OCTETS : preLoginAheadOctets;
    if (this.#input.bufferedOctets > mayBeAhead && !this.#paused) {
      this.#paused = true;
      this.connection.pause();
    }
  }

  ended(): void {
    // A client that has closed its side still gets the answers to what it sent; a message without its end is none.
    if (this.#working) this.#goodbye ??= "";
    else this.#close("");
  }

  drained(): void {
    if (!this.#working) this.#work();
  }

  secured(): void {
    this.#transaction = undefined;
    this.#lhloName = "";
  }

  timedOut(): void {
    if (this.#working) return this.connection.setIdleTimeout(this.service.timeoutMs);
    this.#close("421 4.4.1 bye idle for too long\r\n");
  }

  shutdown(_reason: ShutdownReason): void {
    const text = "421 4.3.2 Server shutting down\r\n";
    if (this.#working) this.#goodbye ??= text;
    else this.#close(text);
  }

  get idle(): boolean {
    return !this.#working && this.#transaction === undefined;
  }

  closed(): Promise<void> | undefined {
    return this.#abandonIncoming();
  }

  // ---- reading

  /** Takes what has arrived, until something must be waited for. */
  #work(): void {
    const { connection } = this;
    while (!this.#working && connection.open && connection.writable) {
      if (this.#incoming !== undefined) {
        const octets = this.#input.take();
        if (octets === undefined) break;
        this.#messageOctets(this.#incoming, octets);
        continue;
      }
      const line = this.#input.nextLine();
      if (line === undefined) break;
      this.#line(line);
    }
    this.#flush();
  }

  /** Nothing is read until `work` is done. */
  #wait(work: Promise<void>): void {
    this.#working = true;
    this.#flush();
    void work.then(() => this.#goOn());
  }

  #goOn(): void {
    this.#working = false;
    if (!this.connection.open) return void this.#abandonIncoming();
    if (this.#goodbye !== undefined && this.#incoming === undefined && this.#input.bufferedOctets === 0) {
      return this.#close(this.#goodbye);
    }
    this.#work();
    if (this.#paused && !this.#working) {
      this.#paused = false;
      this.connection.resume();
    }
    if (this.#goodbye !== undefined && !this.#working) this.#close(this.#goodbye);
  }

  #reply(text: string): void {
    this.#out += text;
  }

  #flush(): void {
    if (this.#out === "") return;
    const out = this.#out;
    this.#out = "";
    this.connection.write(Buffer.from(out, "latin1"));
  }

  #close(last: string): void {
    this.#reply(last);
    this.#flush();
    this.connection.end();
  }

  #abandonIncoming(): Promise<void> | undefined {
    const incoming = this.#incoming;
    // While something is waited for the file may be at work; it is looked after when that is over.
    if (incoming === undefined || this.#working) return undefined;
    this.#incoming = undefined;
    return incoming.message.abandon();
  }

  // ---- commands

  #line(line: Line): void {
    if (this.#exchange !== undefined) return this.#saslLine(line);
    const { service } = this;
    const stop = service.logins.files.shutdownText();
    if (stop !== undefined) return this.#close(formatReply("421 4.3.2", [stop]));
    if (!this.#mayDeliver && ++this.#commandsBeforeLogin > preLoginCommands)
      return this.#close("421 4.7.0 Too many commands before login\r\n");
    if (line.kind === "tooLong") return this.#bad(replies.lineTooLong);
    const command = parseCommand(line.text);
    if (command.kind === "unknown") return this.#bad(replies.syntax);
    this.#badCommands = 0;
    this.#command(command, line.isBare);
  }

  #bad(reply: string): void {
    if (++this.#badCommands > MAX_BAD_COMMANDS) this.#close("421 4.7.0 Too many errors\r\n");
    else this.#reply(reply);
  }

  #command(command: LmtpCommand, isBare: boolean): void {
    switch (command.kind) {
      case "mail":
        return this.#mail(command.rest);
      case "rcpt":
        return this.#rcpt(command.rest);
      case "data":
        return this.#data(isBare);
      case "lhlo":
        return this.#lhlo(command.name);
      case "rset":
        this.#transaction = undefined;
        this.#newSessionId();
        return this.#reply(`250 2.0.0 Ok SESSIONID=<${this.#sessionId}>\r\n`);
      case "noop":
        return this.#reply(replies.noopOk);
      case "vrfy":
        return this.#reply(replies.vrfy);
      case "quit":
        return this.#close(replies.bye);
      case "auth":
        return this.#auth(command.mechanism, command.initial);
      case "starttls":
        return this.#startTls();
      default:
        return this.#reply(replies.syntax);
    }
  }

  /** Cyrus tells the old id and takes a new one. */
  #lhlo(name: string): void {
    const { service, connection } = this;
    const { serverName, tls } = service.context;
    const { maxMessageOctets } = service.arrivalRules;
    const lines = [serverName, "8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING"];
    lines.push(maxMessageOctets > 0 ? `SIZE ${maxMessageOctets}` : "SIZE");
    if (tls !== undefined && connection.tls === undefined && !this.#isTrusted) lines.push("STARTTLS");
    const mechanisms = this.#isTrusted ? ["EXTERNAL"] : service.logins.mechanismsFor(connection);
    if (mechanisms.length > 0 && this.#identity === undefined) lines.push(`AUTH ${mechanisms.join(" ")}`);
    lines.push("IGNOREQUOTA", `Ok SESSIONID=<${this.#sessionId}>`);
    this.#lhloName = name;
    this.#newSessionId();
    this.#reply(formatReply("250", lines));
  }

  #newSessionId(): void {
    this.#sessionId = this.service.context.newSessionId();
  }

  get #mayDeliver(): boolean {
    return this.#isTrusted || this.#identity !== undefined;
  }

  #mail(rest: string): void {
    const { config } = this.service.context;
    if (this.#transaction !== undefined) return this.#reply(replies.nested);
    if (!this.#mayDeliver) return this.#reply(`${config.soft_noauth ? "430" : "530"} Authentication required\r\n`);
    const args = parseMail(rest, { strict: config.lmtp_strict_rfc2821 });
    if (args === undefined) return this.#reply(replies.badArguments);
    const { sender, size, poster, fault } = args;
    // The sender holds even when a parameter is wrong: the next MAIL is a nested one, until RSET.
    this.#transaction = { sender, sizeOctets: size, poster, mail: this.#poster(poster), recipients: [] };
    if (fault !== undefined) return this.#reply(parameterFaults[fault]);
    const { maxMessageOctets } = this.service.arrivalRules;
    const largest = maxMessageOctets > 0 ? maxMessageOctets : MAX_MESSAGE_OCTETS;
    if (size !== undefined && size > largest)
      return this.#reply(`552 5.2.3 Message SIZE exceeds fixed maximum message size (${largest})\r\n`);
    this.#reply(replies.mailOk);
  }

  /** AUTH= says in whose name the message is posted; nobody, when it is absent. */
  #poster(name: string | undefined): CallerMail {
    const { logins, mail } = this.service;
    const known = name === undefined || name === "" ? undefined : logins.canonical(name);
    const userId: UserId | undefined = known?.kind === "user" ? known.userid : undefined;
    const groups = userId === undefined ? [] : logins.groupsOf(userId);
    return mail.as({ userId, groups, isAdmin: false, sessionId: this.#sessionId });
  }

  #rcpt(rest: string): void {
    const { service } = this;
    const transaction = this.#transaction;
    if (transaction === undefined) return this.#reply(replies.needMail);
    const args = parseRcpt(rest, { strict: service.context.config.lmtp_strict_rfc2821 });
    if (args === undefined) return this.#reply(replies.badArguments);
    if (args.fault !== undefined) return this.#reply(parameterFaults[args.fault]);
    if (transaction.recipients.length >= MAX_RECIPIENTS) return this.#reply(replies.tooManyRecipients);
    const { recipient, ignoreQuota } = args;
    const request = { address: recipient, sizeOctets: transaction.sizeOctets, ignoreQuota };
    const resolution = service.delivery.resolve(transaction.mail, request);
    if (!(resolution instanceof Promise)) return this.#resolved(transaction, resolution);
    this.#wait(resolution.then((later) => this.#resolved(transaction, later)));
  }

  #resolved(transaction: Transaction, resolution: Resolution): void {
    if (resolution.kind !== "accepted") {
      const code = resolution.kind === "refused" ? resolution.code : "mailboxNonexistent";
      return this.#reply(refusalReply(code, this.#answers));
    }
    const { recipient } = resolution;
    const { userId } = recipient;
    if (userId !== undefined && this.service.logins.files.denial(userId) !== undefined)
      return this.#reply(replies.disabled);
    transaction.recipients.push(recipient);
    this.#reply(replies.rcptOk);
  }

  get #answers(): AnswerContext {
    return {
      sessionId: this.#sessionId,
      overQuotaIsFinal: this.service.context.config.lmtp_over_quota_perm_failure,
    };
  }

  // ---- the message

  #data(isBare: boolean): void {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.recipients.length === 0) return this.#reply(replies.noRecipients);
    const { service, connection } = this;
    const { serverName, config } = service.context;
    const now = Date.now();
    const seconds = Math.floor(now / 1_000);
    const dateText = formatDate(seconds);
    const fields = traceFields(connection, {
      sender: transaction.sender,
      lhloName: this.#lhloName === "" ? "unknown" : this.#lhloName,
      serverName,
      showsVersion: config.serverinfo === "on",
      sessionId: this.#sessionId,
      poster: transaction.poster,
      isAuthenticated: true,
      dateText,
    });
    const message = new ArrivingMessage({
      rules: service.arrivalRules,
      traceFields: fields,
      newMessageId: () => service.newMessageId(),
      dateText,
      arrival: { seconds, nanos: (now % 1_000) * 1_000_000 },
      stageRoot: service.mail.partitionRoot(transaction.recipients[0]!.partition),
    });
    const incoming: Incoming = {
      message,
      wait: undefined,
      unstuffer: new DotUnstuffer(isBare, (octets) => {
        const wait = message.push(octets);
        if (wait !== undefined) incoming.wait = wait;
      }),
    };
    this.#incoming = incoming;
    this.#reply(replies.goAhead);
  }

  #messageOctets(incoming: Incoming, octets: Buffer): void {
    const end = incoming.unstuffer.push(octets);
    if (end >= 0 && end < octets.length) this.#input.giveBack(octets.subarray(end));
    const { wait } = incoming;
    incoming.wait = undefined;
    if (end >= 0) return this.#wait(this.#finish(incoming, wait));
    if (wait !== undefined) this.#wait(this.#stored(incoming, wait));
  }

  /** A piece of a large message is being written. */
  async #stored(incoming: Incoming, wait: Promise<void>): Promise<void> {
    try {
      await wait;
    } catch (error) {
      await this.#temporaryFailure(incoming, error);
    }
  }

  /** The file cannot be written: the rest is read and thrown away, for the reply comes after the final dot. */
  async #temporaryFailure(incoming: Incoming, error: unknown): Promise<void> {
    this.#logFailure(error);
    await incoming.message.fail(fileFailure(error));
  }

  async #finish(incoming: Incoming, wait: Promise<void> | undefined): Promise<void> {
    const transaction = this.#transaction!;
    let arrival: Arrival;
    try {
      if (wait !== undefined) await this.#stored(incoming, wait);
      const finished = incoming.message.finish();
      arrival = finished instanceof Promise ? await finished : finished;
    } catch (error) {
      await this.#temporaryFailure(incoming, error);
      arrival = await incoming.message.finish();
    }
    this.#incoming = undefined;
    this.#transaction = undefined;
    const { recipients } = transaction;
    if (arrival.kind === "message") return this.#deliver(transaction, arrival.message);
    const reply = this.#arrivalReply(arrival);
    for (let n = 0; n < recipients.length; n++) this.#reply(reply);
  }

  #arrivalReply(arrival: Exclude<Arrival, { kind: "message" }>): string {
    if (arrival.kind === "fault") return refusalReply(arrival.fault, this.#answers);
    const { maxMessageOctets } = this.service.arrivalRules;
    return `552 5.2.3 Message size (${arrival.sizeOctets}) exceeds fixed maximum message size (${maxMessageOctets})\r\n`;
  }

  async #deliver({ mail, recipients }: Transaction, message: ArrivedMessage): Promise<void> {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.service.delivery.deliver(mail, recipients, message);
    } catch (error) {
      this.#logFailure(error);
      const code = fileFailure(error);
      outcomes = recipients.map(() => ({ kind: "refused", code }));
    }
    const success = `250 2.1.5 Success SESSIONID=<${this.#sessionId}>\r\n`;
    for (const outcome of outcomes) {
      this.#reply(outcome.kind === "delivered" ? success : refusalReply(outcome.code, this.#answers));
      if (outcome.kind === "refused" && (outcome.code === "internalError" || outcome.code === "ioError"))
        this.service.context.log.err(`LMTP: ${refusalText(outcome.code)} ${outcome.detail ?? ""}`);
    }
  }

  #logFailure(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.service.context.log.err(`IOERROR: delivery: ${text}`, { sessionid: this.#sessionId });
  }

  // ---- AUTH, STARTTLS

  #auth(mechanism: string, initial: string | undefined): void {
    const { service, connection } = this;
    if (this.#identity !== undefined || this.#saidWhoItIs) return this.#reply("503 5.5.0 already authenticated\r\n");
    if (this.#transaction !== undefined && this.#transaction.recipients.length > 0)
      return this.#reply("503 5.5.0 AUTH not permitted now\r\n");
    if (this.#isTrusted) return this.#external(mechanism, initial);
    connection.secret = true;
    const exchange = service.logins.exchange(mechanism, connection, { sessionId: this.#sessionId });
    this.#exchange = exchange;
    this.#wait(exchange.start(initial).then((step) => this.#saslStep(step)));
  }

  /** A client that is trusted may say that it is who it is. */
  #external(mechanism: string, initial: string | undefined): void {
    if (mechanism.toUpperCase() !== "EXTERNAL") return this.#reply("504 Unrecognized authentication type.\r\n");
    if (initial === undefined) {
      this.#exchange = "external";
      return this.#reply("334 \r\n");
    }
    this.#saidWhoItIs = true;
    this.#reply("235 Authenticated!\r\n");
  }

  #saslLine(line: Line): void {
    const exchange = this.#exchange;
    const text = line.kind === "line" ? line.text : "*";
    if (exchange === "external") {
      this.#exchange = undefined;
      if (text === "*") return this.#reply("501 5.5.4 client canceled authentication\r\n");
      this.#saidWhoItIs = true;
      return this.#reply("235 Authenticated!\r\n");
    }
    if (exchange !== undefined) this.#wait(exchange.respond(text).then((step) => this.#saslStep(step)));
  }

  #saslStep(step: ExchangeStep): void {
    if (step.kind === "challenge") return this.#reply(`334 ${step.text}\r\n`);
    this.#exchange = undefined;
    const { connection } = this;
    connection.secret = false;
    if (step.kind === "done") {
      this.#identity = step.identity;
      return this.#reply("235 Authenticated!\r\n");
    }
    const { reason } = step.failure;
    if (reason === "mechanism") return this.#reply("504 Unrecognized authentication type.\r\n");
    if (reason === "aborted") return this.#reply("501 5.5.4 client canceled authentication\r\n");
    this.#reply("501 5.5.4 undefined error!\r\n");
  }

  #startTls(): void {
    const { service, connection } = this;
    if (service.context.tls === undefined || this.#isTrusted) return this.#reply(replies.syntax);
    if (connection.tls !== undefined) return this.#reply("503 5.5.0 TLS is active already\r\n");
    if (this.#identity !== undefined || (this.#transaction?.recipients.length ?? 0) > 0)
      return this.#reply("503 5.5.0 STARTTLS not permitted now\r\n");
    this.#flush();
    // Whatever the client has sent ahead ends the connection there.
    connection.startTls(Buffer.from("220 Begin TLS negotiation now\r\n"), this.#input.bufferedOctets);
  }
}
