/**
 * Counts the untagged replies of an IMAP server by kind, stepping over literals; shows that all servers did the same
 * work. Octets come in pieces of any size.
 */
const lineFeed = 10;
const keptOctets = 128;

export class ReplyTally {
  readonly counts = new Map<string, number>();
  #literalLeft = 0;
  /** Beginning and end of the line so far: its kind stands at the one, a literal's size at the other. */
  #start = "";
  #end = "";

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#literalLeft > 0) {
        const skip = Math.min(this.#literalLeft, chunk.length - at);
        this.#literalLeft -= skip;
        at += skip;
        continue;
      }
      const found = chunk.indexOf(lineFeed, at);
      const end = found < 0 ? chunk.length : found + 1;
      if (this.#start.length < keptOctets) this.#start += chunk.toString("latin1", at, Math.min(end, at + keptOctets));
      this.#end = (this.#end + chunk.toString("latin1", Math.max(at, end - 24), end)).slice(-24);
      at = end;
      if (found >= 0) this.#line();
    }
  }

  #line(): void {
    const literal = /\{(\d+)\}\r\n$/.exec(this.#end);
    this.#end = "";
    if (literal) {
      this.#literalLeft = Number(literal[1]);
      return;
    }
    const kind = /^\* (?:\d+ )?([A-Za-z]+)/.exec(this.#start)?.[1]?.toUpperCase();
    if (kind !== undefined) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#start = "";
  }
}
