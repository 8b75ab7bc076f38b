/** What reading a command may throw: a syntax error (answer BAD, go on) or a limit (answer NO and go on, or BYE). */

/** A command that does not follow its grammar. The protocol answers `TAG BAD message`; the line has been consumed. */
export class ImapSyntaxError extends Error {
  /** Octets from the start of the command to the token at fault. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = "ImapSyntaxError";
    this.offset = offset;
  }
}

/**
 * A size limit was passed.
 * `NO`: answer `TAG NO message`; the command is over, nothing of it follows on the wire (the client waits for a "+").
 * `BYE`: answer `* BYE message` and close; what follows on the wire cannot be trusted to be a command.
 */
export class ImapLimitError extends Error {
  readonly answer: "NO" | "BYE";

  constructor(answer: "NO" | "BYE", message: string) {
    super(message);
    this.name = "ImapLimitError";
    this.answer = answer;
  }
}
