/** Blots out passwords in what a client says when it logs in although it is logged in already. */

const LF = 10;
/** `tag LOGIN `, `AUTH `, ...: what comes behind is not for a log. */
const beforeSecret = /^(?:\S+ )?(?:LOGIN|AUTHENTICATE|AUTH|PASS|APOP) $/i;
/** A line that has not come to its second blank by then has no such word. */
const MAX_HEAD_OCTETS = 256;
/** A literal's announcement is shorter. */
const TAIL_OCTETS = 24;
const blot = Buffer.from("[redacted]");
const lineEnd = Buffer.from("\r\n");

/**
 * One for each connection; takes octets in pieces of any size. It does not know the protocol: a line of a message that begins
 * with such words loses its rest too, which a log can bear.
 */
export class CredentialFilter {
  #where: "head" | "rest" | "secret" = "head";
  /** The line so far, in "head". */
  #head = "";
  /** The end of the line so far, in "secret". */
  #tail = "";
  /** Octets of a literal in "secret" that are still to come. */
  #literal = 0;

  /** @returns what may be shown; `octets` themselves when nothing was taken out */
  filter(octets: Uint8Array): Uint8Array {
    const shown: Uint8Array[] = [];
    let from = 0;
    let changed = false;
    for (let at = 0; at < octets.length; at++) {
      const octet = octets[at]!;
      if (this.#where === "secret") {
        from = at + 1;
        changed = true;
        if (this.#secretOctet(octet)) shown.push(lineEnd);
        continue;
      }
      if (octet === LF) {
        this.#where = "head";
        this.#head = "";
      } else if (this.#where === "head") {
        this.#headOctet(octet);
        if (!this.#isSecret()) continue;
        shown.push(octets.subarray(from, at + 1), blot);
        from = at + 1;
      } else {
        const end = octets.indexOf(LF, at);
        at = (end < 0 ? octets.length : end) - 1;
      }
    }
    if (!changed && shown.length === 0) return octets;
    shown.push(octets.subarray(from));
    return Buffer.concat(shown);
  }

  #isSecret(): boolean {
    return this.#where === "secret";
  }

  #headOctet(octet: number): void {
    this.#head += String.fromCharCode(octet);
    if (octet === 0x20 && beforeSecret.test(this.#head)) {
      this.#where = "secret";
      this.#tail = "";
    } else if (this.#head.length >= MAX_HEAD_OCTETS || (octet === 0x20 && this.#head.split(" ").length > 2)) {
      this.#where = "rest";
    }
  }

  /** @returns true at the end of the command */
  #secretOctet(octet: number): boolean {
    if (this.#literal > 0) {
      this.#literal--;
      return false;
    }
    if (octet !== LF) {
      this.#tail = (this.#tail + String.fromCharCode(octet)).slice(-TAIL_OCTETS);
      return false;
    }
    const literal = /\{(\d{1,10})\+?\}\r?$/.exec(this.#tail);
    this.#tail = "";
    if (literal !== null) {
      this.#literal = Number(literal[1]);
      return false;
    }
    this.#where = "head";
    this.#head = "";
    return true;
  }
}
