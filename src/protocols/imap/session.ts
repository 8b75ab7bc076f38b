/** One client: reads commands, runs them one after the other, and tells of changes between them. */
import {
  type Arguments,
  CommandReader,
  ImapLimitError,
  ImapSyntaxError,
  numbered,
  type ReaderEvent,
  tagged,
  untagged,
} from "../../formats/imap/index.ts";
import { type CallerMail, MailError, refuse } from "../../ops/index.ts";
import { Namespace } from "../../ops/names/index.ts";
import type { Identity } from "../../server/auth/index.ts";
import type { Connection, Session, ShutdownReason } from "../../server/connection/index.ts";
import { preLoginAheadOctets, preLoginCommands } from "../../server/limits/limits.ts";
import type { Snapshot } from "../../store/index.ts";
import type { AppendInput } from "./append/append-input.ts";
import { refusalAnswer } from "./answers.ts";
import type { Call, ImapService, ImapSession, TableCommand } from "./core.ts";
import { greeting } from "./greeting.ts";
import {
  MAX_AHEAD_OCTETS,
  MAX_BAD_COMMANDS,
  MAX_IDLE_LINE_OCTETS,
  MAX_SHARED_NEWS_OCTETS,
  MAX_VANISHED_MESSAGES,
} from "./limits.ts";
import type { Following, SelectedMailbox, TellOptions } from "./mailbox/selected-mailbox.ts";
import { leaveMailbox } from "./mailbox/leave.ts";
import type { News } from "./mailbox/follow-state.ts";
import { Output } from "./output.ts";

/** Who is logged in, and what follows from it. */
interface LoggedIn {
  readonly identity: Identity;
  readonly mail: CallerMail;
  readonly names: Namespace;
}

export class ClientSession implements Session, ImapSession {
  readonly service: ImapService;
  readonly connection: Connection;
  readonly reader: CommandReader;
  readonly out: Output;
  readonly sessionId: string;
  selected: SelectedMailbox | undefined;
  /** IDLE is under way. */
  isWaiting = false;
  /** APPEND's messages as they come. */
  append: AppendInput | undefined;
  /** `plaintextloginalert`, to be sent at the next command. */
  pendingAlert: string | undefined;
  /** Before login the first ID is answered in full, more of them are not. */
  idAnswered = false;
  #login: LoggedIn | undefined;
  #working = false;
  #paused = false;
  #commands = 0;
  #badInARow = 0;
  /** Text of the BYE that ends the session after the command at hand; "": the client has sent its last. */
  #goodbye: string | undefined;
  /** Tag of the IDLE under way. A field, not a waiting function: thousands of sessions are in IDLE. */
  #idleTag: string | undefined;
  #line: { readonly max: number; readonly resolve: (line: string | undefined) => void } | undefined;

  constructor(service: ImapService, connection: Connection) {
    this.service = service;
    this.connection = connection;
    this.reader = new CommandReader(service.limits.preLogin);
    this.out = new Output(connection, service.pool);
    this.sessionId = service.context.newSessionId();
    connection.setIdleTimeout(service.timeoutMs);
    greeting(this);
    this.out.flush();
  }

  // ---- what commands use

  get identity(): Identity | undefined {
    return this.#login?.identity;
  }

  /** Mail as the user has it. Only after login. */
  get mail(): CallerMail {
    return this.#required().mail;
  }

  /** Names as the user sees them. Only after login. */
  get names(): Namespace {
    return this.#required().names;
  }

  /** The selected mailbox; commands of state "selected" have one. @throws MailError when it was deleted */
  get box(): SelectedMailbox {
    const { selected } = this;
    if (selected === undefined) throw new Error("no mailbox is selected");
    if (selected.isGone) refuse("mailboxNonexistent");
    return selected;
  }

  view<T>(step: (snapshot: Snapshot) => T): T {
    return this.service.mail.view(step);
  }

  untagged(text: string): void {
    untagged(this.out, text);
  }

  /** Sends `+ TEXT` and what was written before it. */
  goAhead(text = "go ahead"): void {
    this.out.line(`+ ${text}`).flush();
  }

  /** The client's next line outside of the command grammar; undefined when the connection is gone. */
  nextLine(max: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#line = { max, resolve };
      this.#takeLine();
    });
  }

  beginIdle(tag: string): void {
    this.#idleTag = tag;
    this.isWaiting = true;
    this.connection.setIdleTimeout(this.service.idleTimeoutMs);
  }

  /** After a login that succeeded. */
  loggedIn(identity: Identity): void {
    const { mail: store, limits } = this.service;
    const { isAnonymous, userid, groups, isAdmin, isProxyAdmin } = identity;
    const userId = isAnonymous ? undefined : userid;
    this.#login = {
      identity,
      mail: store.as({ userId, groups, isAdmin, sessionId: this.sessionId }),
      names: new Namespace(store.rules.names, { userId, adminView: isAdmin || isProxyAdmin }),
    };
    this.reader.limits = limits.session;
    this.connection.setIdleTimeout(this.service.timeoutMs);
  }

  /** Tells what changed in the selected mailbox, all of it. @returns false when the client is gone */
  async tellChanges(options: TellOptions): Promise<boolean> {
    const { selected } = this;
    if (selected === undefined || selected.isGone) return true;
    this.out.startSlice();
    const following = this.view((snapshot) => {
      const first = this.#follow(snapshot, selected, options);
      // Most often one step tells all there is.
      return first === "flags" && selected.tellFlags(snapshot, this.out) ? "unchanged" : first;
    });
    return following !== "flags" || this.#tellFlags(selected);
  }

  #follow(snapshot: Snapshot, selected: SelectedMailbox, options: TellOptions): Following {
    const following = selected.follow(snapshot, this.out, this.service.hub.listVersion, options);
    if (following === "gone") this.gone(selected, options.expunges);
    return following;
  }

  /** The second part of telling. @returns false when the client is gone */
  async #tellFlags(selected: SelectedMailbox): Promise<boolean> {
    const { out } = this;
    while (!this.view((snapshot) => selected.tellFlags(snapshot, out))) {
      if (out.isDue() && !(await out.rest())) return false;
    }
    return true;
  }

  /** Ends the session after the command at hand: `* BYE TEXT`. */
  bye(text: string): void {
    if (!this.connection.open) return;
    this.untagged(`BYE ${text}`);
    this.out.flush();
    this.connection.end();
  }

  /** The session is about to end, so that long loops may as well stop. */
  get isEnding(): boolean {
    return (this.#goodbye !== undefined && this.#goodbye !== "") || !this.connection.open;
  }

  // ---- Session

  octets(octets: Buffer): void | Promise<void> {
    this.reader.push(octets);
    if (this.#line !== undefined) return this.#takeLine();
    const work = this.#working ? undefined : this.#work();
    if (this.#working) this.#limitAhead();
    return work;
  }

  /** A command is at work, and what has been sent after it waits. */
  #limitAhead(): void {
    const mayBeAhead = this.#login === undefined ? preLoginAheadOctets : MAX_AHEAD_OCTETS;
    if (this.#paused || this.reader.bufferedOctets <= mayBeAhead) return;
    this.#paused = true;
    this.connection.pause();
  }

  drained(): void {
    this.out.drained();
  }

  ended(): void | Promise<void> {
    // A client that has closed its side still gets the answers to what it sent.
    if (!this.#working || this.#line !== undefined) this.connection.end();
    else this.#goodbye = "";
  }

  timedOut(): void {
    if (this.#working && this.#line === undefined) return this.connection.setIdleTimeout(this.service.timeoutMs);
    // Cyrus closes a session in IDLE without a word.
    if (this.isWaiting) return this.connection.end();
    this.bye("idle for too long");
  }

  shutdown(_reason: ShutdownReason): void {
    const text = "Server shutting down";
    if (this.idle) this.bye(text);
    else this.#goodbye = text;
  }

  get idle(): boolean {
    return !this.#working || this.#line !== undefined;
  }

  closed(): void | Promise<void> {
    this.out.drained();
    this.#resolveLine(undefined);
    this.isWaiting = false;
    const left = leaveMailbox(this);
    // A command at work ends by itself; what it has asked the writer for may yet become of its files.
    return this.#working ? left : Promise.all([left, this.#abandonAppend()]).then(() => undefined);
  }

  // ---- Watcher

  push(snapshot: Snapshot, news: News): boolean {
    const { selected, connection } = this;
    if (selected === undefined || selected.isGone || !this.isWaiting || this.#working || !connection.open) return true;
    // One that does not read its news gets them together, later.
    if (!connection.writable) return true;
    const known = news.lines.get(selected.followKey(this.service.hub.listVersion));
    if (known === undefined) {
      connection.host.guard(connection, pushChanges, this, selected, snapshot, news);
      return false;
    }
    // What thousands of sessions are told takes no more than this.
    selected.followState = known.state;
    connection.write(known.octets);
    return true;
  }

  /** IDLE's news that take more than a step. What the client sends meanwhile waits, as it does during a command. */
  async tellRest(selected: SelectedMailbox): Promise<void> {
    const { out } = this;
    this.#working = true;
    out.startSlice();
    try {
      while (await this.#tellFlags(selected)) {
        out.flush();
        // News that came meanwhile was not pushed. Once the client has ended IDLE, it is told after its next command.
        if (this.reader.bufferedOctets > 0 || this.selected !== selected) break;
        if (this.view((snapshot) => this.#follow(snapshot, selected, { expunges: true })) !== "flags") break;
        if (out.isDue() && !(await out.rest())) break;
      }
      out.flush();
    } finally {
      this.#working = false;
    }
    if (this.#goodbye !== undefined && this.#goodbye !== "") return this.bye(this.#goodbye);
    return this.#work();
  }

  // ---- reading

  async #work(): Promise<void> {
    this.#working = true;
    this.out.startSlice();
    try {
      while (this.connection.open) {
        if (this.#idleTag !== undefined && !this.#endIdle(this.#idleTag)) break;
        const event = this.reader.next();
        if (event === undefined) {
          // Many clients send what follows a literal as a piece of its own, which waits for this.
          if (this.reader.wantsMore) this.connection.acknowledge();
          break;
        }
        await this.#event(event);
        this.out.flush();
        if (this.#goodbye !== undefined && this.#goodbye !== "") return this.bye(this.#goodbye);
        // Thousands of commands may have come at once.
        if (this.out.isDue() && this.#idleTag === undefined && !(await this.out.rest())) break;
      }
      if (this.#goodbye === "") this.connection.end();
    } catch (error) {
      if (!(error instanceof ImapLimitError)) throw error;
      this.bye(error.message);
    } finally {
      this.#working = false;
      if (!this.connection.open) await this.#abandonAppend();
      if (this.#paused) {
        this.#paused = false;
        this.connection.resume();
      }
    }
  }

  #event(event: ReaderEvent): Promise<void> | void {
    switch (event.kind) {
      case "command":
        return this.#command(event.args);
      case "literal":
        return this.#literal(event);
      case "octets":
        return this.append?.push(event.octets);
      case "literalEnd":
        return this.append?.literalEnd();
    }
  }

  async #literal(literal: Extract<ReaderEvent, { kind: "literal" }>): Promise<void> {
    const { args, sync } = literal;
    const command = this.service.commands.get(args.verb);
    try {
      if (command?.literal !== undefined && this.#login !== undefined) return await command.literal(this, literal);
      this.reader.gather();
      if (sync) this.goAhead();
    } catch (error) {
      if (!(error instanceof ImapLimitError) || error.answer !== "NO") throw error;
      // The command is over, and one of those that count.
      if (this.#isTooManyBeforeLogin()) return this.bye("Too many commands before login");
      this.#tagged(args.tag, `NO ${error.message}`);
    }
  }

  async #command(args: Arguments): Promise<void> {
    const { tag } = args;
    if (this.#isTooManyBeforeLogin()) return this.bye("Too many commands before login");
    if (tag === undefined) return this.#tagged(tag, "BAD Invalid tag");
    const stop = this.#operatorStop();
    if (stop !== undefined) return this.bye(stop);
    if (this.pendingAlert !== undefined) {
      this.untagged(`OK [ALERT] ${this.pendingAlert}`);
      this.pendingAlert = undefined;
    }
    let answer: string | undefined;
    try {
      answer = await this.#run(args, tag);
    } catch (error) {
      answer = this.#answerTo(error);
    } finally {
      if (this.append !== undefined) await this.#abandonAppend();
    }
    this.#tagged(tag, answer);
  }

  /** Counts a command, whatever becomes of it. */
  #isTooManyBeforeLogin(): boolean {
    return this.#login === undefined && ++this.#commands > preLoginCommands;
  }

  async #run(args: Arguments, tag: string): Promise<string | undefined> {
    if (args.verb === "")
      return args.peek().kind === "eol" || args.length < 3 ? "BAD Null command" : "BAD Unrecognized command";
    const byUid = args.verb === "UID" && this.service.commands.has("UID FETCH");
    const found = byUid ? this.#uidCommand(args) : this.service.commands.get(args.verb);
    const isLoggedIn = this.#login !== undefined;
    if (
      !isLoggedIn &&
      found?.state !== "any" &&
      found?.state !== "notLoggedIn" &&
      (found !== undefined || !maybeBeforeLogin(args.verb))
    )
      return "BAD Please login first";
    if (found === undefined) return byUid ? "BAD Unrecognized UID subcommand" : "BAD Unrecognized command";
    const { state } = found;
    if (state === "selected" && this.selected === undefined) return "BAD Please select a mailbox first";
    const run = found.prepare(args, this);
    if (found.writes === true && this.service.context.config.readonly) refuse("readOnlyServer");
    this.#describe(args.verb);
    const call: Call = { tag, byUid, name: args.name };
    const answer = await run(this, call);
    if (this.selected !== undefined && answer !== undefined && found.isWholeState !== true) {
      const expunges = found.expunges === undefined || (found.expunges === "uidFormOnly" && byUid);
      await this.tellChanges({ expunges, uid: byUid });
    }
    this.#describe("");
    return answer;
  }

  #uidCommand(args: Arguments): TableCommand | undefined {
    args.space();
    const verb = args.atom().toUpperCase();
    args.name = verb.slice(0, 1) + verb.slice(1).toLowerCase();
    const command = this.service.commands.get(`UID ${verb}`);
    return command;
  }

  async #abandonAppend(): Promise<void> {
    const { append } = this;
    this.append = undefined;
    await append?.abandon();
  }

  #answerTo(error: unknown): string {
    if (error instanceof ImapSyntaxError) return `BAD ${error.message}`;
    if (error instanceof MailError) {
      if (error.code === "internalError" || error.code === "ioError") {
        this.service.context.log.err(`IMAP: ${error.message}`, {
          userid: this.identity?.userid ?? "",
          sessionid: this.sessionId,
        });
      }
      return refusalAnswer(error);
    }
    throw error;
  }

  #tagged(tag: string | undefined, answer: string | undefined): void {
    if (answer === undefined) return;
    if (tag === undefined) untagged(this.out, answer);
    else tagged(this.out, tag, answer);
    this.#badInARow = answer.startsWith("BAD") ? this.#badInARow + 1 : 0;
    if (this.#badInARow > MAX_BAD_COMMANDS) this.bye("Too many bad commands");
  }

  /** Takes the line that ends IDLE. @returns false when it has not come */
  #endIdle(tag: string): boolean {
    const line = this.reader.nextLine(MAX_IDLE_LINE_OCTETS);
    if (line === undefined) return false;
    this.#idleTag = undefined;
    this.isWaiting = false;
    this.connection.setIdleTimeout(this.service.timeoutMs);
    this.#describe("");
    this.#tagged(tag, line.toUpperCase() === "DONE" ? "OK Completed" : "BAD Invalid Idle continuation");
    this.out.flush();
    return true;
  }

  #takeLine(): void {
    const wanted = this.#line;
    if (wanted === undefined) return;
    let line: string | undefined;
    try {
      line = this.reader.nextLine(wanted.max);
    } catch (error) {
      if (!(error instanceof ImapLimitError)) throw error;
      this.bye(error.message);
      return this.#resolveLine(undefined);
    }
    if (line !== undefined) return this.#resolveLine(line);
    // What was sent ahead is used up, and the rest of the line is still to be read.
    if (this.#paused) {
      this.#paused = false;
      this.connection.resume();
    }
  }

  #resolveLine(line: string | undefined): void {
    const wanted = this.#line;
    this.#line = undefined;
    wanted?.resolve(line);
  }

  /** The text of a shutdown file or denial that ends this session; administrators go on. */
  #operatorStop(): string | undefined {
    const { identity } = this;
    if (identity === undefined || identity.isAdmin) return undefined;
    const { files } = this.service.logins;
    const text = files.shutdownText() ?? files.denial(identity.userid);
    return text === undefined ? undefined : `[ALERT] ${text}`;
  }

  #describe(command: string): void {
    this.service.context.worker.describe(this.connection, { command });
  }

  /** The mailbox was deleted: its messages are gone from view, and whatever needs it is refused from now on. */
  gone(selected: SelectedMailbox, expunges: boolean): void {
    const { count } = selected.map;
    if (this.service.context.config.disconnect_on_vanished_mailbox || count > MAX_VANISHED_MESSAGES) {
      selected.isGone = true;
      return this.bye("Mailbox has been (re)moved out from under client");
    }
    // While numbers must not change the session keeps its view, and cannot do anything with it.
    if (!expunges) return;
    selected.isGone = true;
    for (let n = 0; n < count; n++) numbered(this.out, 1, "EXPUNGE");
  }

  #required(): LoggedIn {
    if (this.#login === undefined) throw new Error("not logged in");
    return this.#login;
  }
}

function pushChanges(
  session: ClientSession,
  selected: SelectedMailbox,
  snapshot: Snapshot,
  news: News,
): void | Promise<void> {
  const { connection, out, service } = session;
  const { listVersion } = service.hub;
  const key = selected.followKey(listVersion);
  const { recentEnd } = selected;
  const before = out.octetsWritten;
  const following = selected.follow(snapshot, out, listVersion, { expunges: true }, news.header);
  if (following === "flags" && !selected.tellFlags(snapshot, out)) return session.tellRest(selected);
  if (following === "gone") session.gone(selected, true);
  // What this session alone was told as \Recent, or what fills more than a small buffer, is not for others.
  const isShared =
    following !== "gone" && selected.recentEnd === recentEnd && out.octetsWritten - before <= MAX_SHARED_NEWS_OCTETS;
  if (!isShared) return out.flush();
  const octets = out.takeUnflushed();
  news.lines.set(key, { state: selected.followState, octets });
  connection.write(octets);
}

/** Cyrus answers "Please login first" to every word that cannot be a command before login; the others are unknown. */
function maybeBeforeLogin(verb: string): boolean {
  return "AELNCIS".includes(verb.slice(0, 1));
}
