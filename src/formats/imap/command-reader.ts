/** Tokens to commands: gathers the arguments of one command, and hands out literals that are to be streamed. */
import { Arguments } from "./arguments.ts";
import { ImapLimitError } from "./errors.ts";
import { type ImapLimits, MAX_TOKENS } from "./limits.ts";
import { Tokenizer } from "./tokenizer.ts";

/**
 * - `command`: complete; read it through `args`.
 * - `literal`: the client announced one. Answer with exactly one of `gather`, `stream`, `refuse` before the next event.
 *   For the first two a synchronising literal wants `+ go ahead` sent. `args` holds what came before it.
 * - `octets`: a piece of a streamed literal, a view of what was pushed: use it before control returns to the socket.
 * - `literalEnd`: a streamed literal is complete; a `literal` or `command` event of the same command follows.
 */
export type ReaderEvent =
  | { readonly kind: "command"; readonly args: Arguments }
  | {
      readonly kind: "literal";
      readonly args: Arguments;
      readonly sizeOctets: number;
      readonly sync: boolean;
      readonly binary: boolean;
    }
  | { readonly kind: "octets"; readonly octets: Buffer }
  | { readonly kind: "literalEnd" };

type Mode = "tokens" | "decide" | "gather" | "stream" | "streamEnd" | "skip";
type Literal = Extract<ReaderEvent, { kind: "literal" }>;

const literalEnd: ReaderEvent = { kind: "literalEnd" };

/** One per connection. Between commands it holds the tokenizer and nothing else. */
export class CommandReader {
  readonly #tokenizer: Tokenizer;
  #mode: Mode = "tokens";
  #args: Arguments | undefined;
  #literal: Literal | undefined;
  #gathered: Buffer | undefined;
  #gatheredLength = 0;
  #lastSync = true;
  /** Octets of streamed literals, which the tokenizer's count of the command includes and the limit does not. */
  #streamedOctets = 0;

  constructor(limits: ImapLimits) {
    this.#tokenizer = new Tokenizer(limits);
  }

  /** Other limits from now on: after login, after UNAUTHENTICATE. */
  set limits(limits: ImapLimits) {
    this.#tokenizer.limits = limits;
  }

  /** Octets pushed and not consumed. Must be 0 when STARTTLS or COMPRESS begin; pause the socket when it grows. */
  get bufferedOctets(): number {
    return this.#tokenizer.bufferedOctets;
  }

  /** True between commands: a connection closed now has lost no half command. */
  get atRest(): boolean {
    return this.#args === undefined && this.#mode === "tokens" && this.#tokenizer.bufferedOctets === 0;
  }

  /** True within a command of which everything that has come is consumed: the client is to send more. */
  get wantsMore(): boolean {
    return this.#args !== undefined && this.#tokenizer.bufferedOctets === 0;
  }

  push(chunk: Uint8Array): void {
    this.#tokenizer.push(chunk);
  }

  /**
   * The next event, or undefined when more octets are needed. Do not call it while a command runs: after it the session
   * may want `nextLine` instead (AUTHENTICATE, IDLE), or no octets at all (STARTTLS).
   * @throws ImapLimitError BYE; the reader is of no use afterwards
   */
  next(): ReaderEvent | undefined {
    for (;;) {
      switch (this.#mode) {
        case "decide":
          throw new Error("the announced literal was neither gathered, streamed nor refused");
        case "gather":
          if (!this.#fill()) return undefined;
          break;
        case "stream": {
          const octets = this.#tokenizer.literalOctets();
          if (this.#tokenizer.literalRemaining === 0) this.#mode = "streamEnd";
          if (octets !== undefined) return { kind: "octets", octets };
          if (this.#tokenizer.literalRemaining > 0) return undefined;
          break;
        }
        case "streamEnd":
          this.#mode = "tokens";
          return literalEnd;
        case "skip":
          if (!this.#skip()) return undefined;
          break;
        case "tokens": {
          const event = this.#tokens();
          if (event !== undefined || this.#mode === "tokens") return event;
          break;
        }
      }
    }
  }

  /** A line outside of the command grammar (SASL response, IDLE's DONE), without CRLF. @throws ImapLimitError BYE */
  nextLine(maxOctets: number): string | undefined {
    return this.#tokenizer.nextLine(maxOctets);
  }

  /**
   * Takes the announced literal as an argument.
   * @throws ImapLimitError NO (a synchronising one that is too large: the command is over) or BYE
   */
  gather(): void {
    const { sizeOctets, sync, args } = this.#announced();
    const { maxLiteralOctets, maxCommandOctets } = this.#tokenizer.limits;
    const tooLarge = sizeOctets > maxLiteralOctets;
    if (tooLarge || this.#commandOctets() + sizeOctets > maxCommandOctets) {
      const what = tooLarge ? "Literal size exceeds fixed limit" : "Command arguments total size exceeds fixed limit";
      if (!sync) throw new ImapLimitError("BYE", `[TOOBIG] ${what}`);
      this.#abandon();
      throw new ImapLimitError("NO", `[TOOBIG] ${what} in ${args.name}`);
    }
    this.#checkLiteralMinus();
    // The client says the size; memory is taken as octets come.
    this.#gathered = undefined;
    this.#gatheredLength = 0;
    this.#mode = "gather";
  }

  /** The announced literal will come as `octets` events. The caller has checked its size. @throws ImapLimitError BYE */
  stream(): void {
    const { sizeOctets, args } = this.#announced();
    this.#checkLiteralMinus();
    args.add({ kind: "streamed", sizeOctets }, this.#tokenizer.tokenOffset);
    this.#streamedOctets += sizeOctets;
    this.#mode = sizeOctets === 0 ? "streamEnd" : "stream";
  }

  /**
   * The command was answered with NO or BAD. A synchronising literal will not come; a non-synchronising one is read and
   * dropped, and so is the rest of the command.
   */
  refuse(): void {
    const { sync } = this.#announced();
    if (sync) this.#abandon();
    else this.#mode = "skip";
  }

  /** Drops the rest of a command that was answered while its streamed literal was still coming. */
  skipRest(): void {
    if (this.#args !== undefined) this.#mode = "skip";
  }

  #announced(): Literal {
    const literal = this.#literal;
    if (this.#mode !== "decide" || literal === undefined) throw new Error("no literal is announced");
    this.#literal = undefined;
    return literal;
  }

  #checkLiteralMinus(): void {
    const { maxNonSyncOctets } = this.#tokenizer.limits;
    if (maxNonSyncOctets === undefined || this.#lastSync || this.#tokenizer.literalRemaining <= maxNonSyncOctets)
      return;
    throw new ImapLimitError("BYE", "[TOOBIG] Non-synchronizing literal size exceeds 4K");
  }

  #commandOctets(): number {
    return this.#tokenizer.commandOctets - this.#streamedOctets;
  }

  #abandon(): void {
    this.#tokenizer.cancelLiteral();
    this.#finish();
  }

  #finish(): void {
    this.#args = undefined;
    this.#literal = undefined;
    this.#streamedOctets = 0;
    this.#mode = "tokens";
  }

  #tokens(): ReaderEvent | undefined {
    const tokenizer = this.#tokenizer;
    for (;;) {
      if (this.#args === undefined) {
        if (tokenizer.bufferedOctets === 0) return undefined;
        tokenizer.startCommand();
        this.#args = new Arguments();
      }
      const args = this.#args;
      const token = tokenizer.next();
      if (token === undefined) {
        if (this.#commandOctets() > tokenizer.limits.maxCommandOctets) this.#tooLarge();
        return undefined;
      }
      if (this.#commandOctets() > tokenizer.limits.maxCommandOctets || args.length >= MAX_TOKENS) this.#tooLarge();
      if (token.kind === "literal") {
        this.#lastSync = token.sync;
        args.readHead();
        this.#mode = "decide";
        this.#literal = { ...token, args };
        return this.#literal;
      }
      args.add(token, tokenizer.tokenOffset);
      if (token.kind === "eol") {
        this.#finish();
        args.readHead();
        return { kind: "command", args };
      }
    }
  }

  #tooLarge(): never {
    throw new ImapLimitError("BYE", "[TOOBIG] Command arguments total size exceeds fixed limit");
  }

  /** Takes what is there of a gathered literal. True when it is complete. */
  #fill(): boolean {
    const tokenizer = this.#tokenizer;
    while (tokenizer.literalRemaining > 0) {
      const remaining = tokenizer.literalRemaining;
      const part = tokenizer.literalOctets();
      if (part === undefined) return false;
      const complete = this.#gatheredLength === 0 && part.length === remaining;
      if (complete) {
        this.#endGather(part.toString("latin1"));
        return true;
      }
      const needed = this.#gatheredLength + part.length;
      if (this.#gathered === undefined || this.#gathered.length < needed) {
        const size = Math.min(this.#gatheredLength + remaining, Math.max(1024, needed * 2));
        const larger = Buffer.allocUnsafeSlow(size);
        this.#gathered?.copy(larger, 0, 0, this.#gatheredLength);
        this.#gathered = larger;
      }
      part.copy(this.#gathered, this.#gatheredLength);
      this.#gatheredLength = needed;
    }
    this.#endGather(this.#gathered?.toString("latin1", 0, this.#gatheredLength) ?? "");
    return true;
  }

  #endGather(text: string): void {
    this.#gathered = undefined;
    this.#gatheredLength = 0;
    this.#args?.add({ kind: "literal", text }, this.#tokenizer.tokenOffset);
    this.#mode = "tokens";
  }

  /** Drops octets up to the end of the command. True when there. */
  #skip(): boolean {
    const tokenizer = this.#tokenizer;
    for (;;) {
      while (tokenizer.literalRemaining > 0) if (tokenizer.literalOctets() === undefined) return false;
      const token = tokenizer.next();
      if (token === undefined) return false;
      // A synchronising literal of a refused command: the client waits and will read our answer instead of a "+".
      if (token.kind === "literal" && token.sync) tokenizer.cancelLiteral();
      if (token.kind === "eol" || (token.kind === "literal" && token.sync)) {
        this.#finish();
        return true;
      }
    }
  }
}
