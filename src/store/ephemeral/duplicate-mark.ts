/** What is not delivered twice: a message with this id and this date, to this mailbox. */
export interface DuplicateKey {
  /** Message-ID as it stands in the message. */
  readonly id: string;
  /** Uniqueid of the mailbox; other users of the database have names of their own here (Sieve: `.USERID.sieve.`). */
  readonly recipient: string;
  /** Text of the Date field. */
  readonly date: string;
}

export interface DuplicateMark extends DuplicateKey {
  /** Epoch seconds. */
  readonly at: number;
  readonly uid: number;
}
