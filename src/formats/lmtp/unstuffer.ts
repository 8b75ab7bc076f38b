/**
 * From the octets after DATA to those of the message: the dot that was put before a line's own is taken off, the line with a dot alone ends it
 * (RFC 5321 §4.5.2), and a line feed alone becomes a line end of two octets, which is how messages are stored.
 */

const LF = 10;
const CR = 13;
const DOT = 0x2e;
const lineEnd = Buffer.from("\r\n");
const carriageReturn = Buffer.from("\r");

const states = { text: 0, lineStart: 1, dot: 2, dotCr: 3 } as const;
type State = (typeof states)[keyof typeof states];

export class DotUnstuffer {
  readonly #bareLines: boolean;
  readonly #emit: (octets: Buffer) => void;
  #state: State = states.lineStart;
  /** In text: the octet before this chunk was a CR. */
  #afterCr = false;

  /**
   * @param bareLines the client ends its lines with LF alone, so such lines count for dots. For clients that speak CRLF they do not: a message that
   *   passed through others with a lone LF in it must not be able to end early and go on as commands.
   * @param emit gets the message's octets in order, in parts of the chunks pushed
   */
  constructor(bareLines: boolean, emit: (octets: Buffer) => void) {
    this.#bareLines = bareLines;
    this.#emit = emit;
  }

  /** @returns where the message ended: index after the last octet of the final line; -1 when more is to come. Not to be called after the end. */
  push(chunk: Buffer): number {
    const emit = this.#emit;
    const end = chunk.length;
    let p = 0;
    /** Start of what has not been emitted. */
    let run = 0;
    while (p < end) {
      switch (this.#state) {
        case states.dot: {
          const c = chunk[p]!;
          if (c === LF && this.#bareLines) return p + 1;
          this.#state = c === CR ? states.dotCr : states.text;
          this.#afterCr = false;
          if (c === CR) p++;
          run = p;
          break;
        }
        case states.dotCr:
          if (chunk[p] === LF) return p + 1;
          emit(carriageReturn);
          this.#state = states.text;
          this.#afterCr = true;
          run = p;
          break;
        case states.lineStart:
          this.#afterCr = false;
          if (chunk[p] !== DOT) {
            this.#state = states.text;
            break;
          }
          if (p > run) emit(chunk.subarray(run, p));
          this.#state = states.dot;
          run = ++p;
          break;
        default: {
          const at = chunk.indexOf(LF, p);
          if (at < 0) {
            this.#afterCr = chunk[end - 1] === CR;
            p = end;
            break;
          }
          const isBare = at > p ? chunk[at - 1] !== CR : !this.#afterCr;
          if (isBare) {
            if (at > run) emit(chunk.subarray(run, at));
            emit(lineEnd);
            run = at + 1;
          }
          p = at + 1;
          this.#afterCr = false;
          this.#state = isBare && !this.#bareLines ? states.text : states.lineStart;
        }
      }
    }
    if (run < end) emit(chunk.subarray(run));
    return -1;
  }
}
