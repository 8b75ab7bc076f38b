/** What a SEARCH looks for. */

/** In canonical form. */
export interface Needle {
  readonly text: string;
  /** Nothing but visible ASCII: then plain ASCII text need not be brought into canonical form to see that it is not there. */
  readonly isWord: boolean;
  readonly octets: Uint8Array;
}

export function needle(text: string): Needle {
  return { text, isWord: /^[\x21-\x7e]+$/.test(text), octets: Buffer.from(text, "utf8") };
}

/** Gives others their turn when it is due; undefined when it is not. */
export type Turn = () => Promise<unknown> | undefined;
