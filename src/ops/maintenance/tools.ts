/** What an administration program works with. */
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/index.ts";
import type { MboxName, UserId } from "../../formats/ids.ts";
import { ListPattern } from "../../formats/imap/list-pattern.ts";
import type { ListEntry } from "../../store/index.ts";
import type { CallerMail, Mail } from "../mail.ts";
import { inboxOf, Namespace } from "../names/index.ts";
import { openProgramMail, programCaller } from "../program-mail.ts";
import { MaintenanceReader } from "./reader.ts";

/** Mail through the writer, the database for reading, and names in the form administrators write them. */
export class Tools {
  readonly mail: Mail;
  readonly writer: CallerMail;
  readonly reader: MaintenanceReader;
  readonly names: Namespace;
  readonly config: Config;

  /** @throws Error when the store cannot be opened */
  static open(config: Config, log: Log, name: string): Tools {
    const mail = openProgramMail(config, log, name);
    return new Tools(config, mail, new MaintenanceReader(config), name);
  }

  private constructor(config: Config, mail: Mail, reader: MaintenanceReader, name: string) {
    this.config = config;
    this.mail = mail;
    this.reader = reader;
    this.writer = mail.as(programCaller(name));
    this.names = new Namespace(mail.rules.names, { userId: undefined, adminView: true });
  }

  /** As administrators see it; the internal form for names that nobody can see. */
  external(name: MboxName): string {
    return this.names.toExternal(name) ?? name;
  }

  internal(external: string): MboxName | undefined {
    return this.names.toInternal(external);
  }

  inbox(userId: string): MboxName | undefined {
    return inboxOf(userId as UserId, this.mail.rules.names);
  }

  /**
   * Mailboxes that the words of a command line mean: names or patterns with `*` and `%`; userids with `users`; none: all.
   * @param recurse also everything below
   */
  *mailboxes(
    words: readonly string[],
    { users = false, recurse = false }: { readonly users?: boolean; readonly recurse?: boolean } = {},
  ): Generator<ListEntry, void, void> {
    if (words.length === 0) yield* this.reader.tree(undefined);
    const seen = new Set<string>();
    for (const word of words) {
      for (const entry of users ? this.ofUser(word) : this.ofWord(word, recurse)) {
        if (seen.has(entry.name)) continue;
        seen.add(entry.name);
        yield entry;
      }
    }
  }

  async close(): Promise<void> {
    this.reader.close();
    await this.mail.close();
  }

  private *ofUser(userId: string): Generator<ListEntry, void, void> {
    const inbox = this.inbox(userId);
    if (inbox !== undefined) yield* this.reader.tree(inbox);
  }

  private *ofWord(word: string, recurse: boolean): Generator<ListEntry, void, void> {
    if (!/[*%]/.test(word)) {
      const name = this.internal(word);
      if (name === undefined) return;
      if (recurse) yield* this.reader.tree(name);
      else {
        const entry = this.reader.entry(name);
        if (entry) yield entry;
      }
      return;
    }
    const pattern = new ListPattern(word, this.mail.rules.names.separator);
    for (const entry of this.reader.tree(undefined)) {
      if (!pattern.matches(this.external(entry.name))) continue;
      yield entry;
      if (recurse) yield* this.below(entry.name);
    }
  }

  private *below(name: MboxName): Generator<ListEntry, void, void> {
    for (const entry of this.reader.tree(name)) if (entry.name !== name) yield entry;
  }
}
