/** Delivery of arrived messages: one request to a shard's writer for all its recipients, whatever becomes of each. */
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import type { MboxName, UniqueId, UserId } from "../../formats/ids.ts";
import { shardOfMbox, type Snapshot } from "../../store/index.ts";
import { Right } from "../acl/index.ts";
import { MailError, type MailErrorCode } from "../errors.ts";
import type { CallerMail, Mail } from "../mail.ts";
import type { DeliverTarget } from "../messages/deliver.ts";
import { noFlags } from "../messages/flags.ts";
import { quotaExceeded } from "../quota/index.ts";
import type { ArrivedMessage } from "./arriving-message.ts";
import { deliverByShard, type ShardTarget } from "./by-shard.ts";
import { Duplicates, duplicatesPath } from "./duplicates.ts";
import { RECIPIENT_FRESH_MILLISECONDS } from "./limits.ts";
import {
  type AcceptedRecipient,
  type DeliveryRules,
  deliveryRules,
  mailboxEntry,
  type ReadingTime,
  type RecipientRequest,
  type Resolution,
  resolveRecipient,
} from "./recipients.ts";
import { looseMatch } from "./loose-match.ts";
import type { StagedFile } from "./staged-file.ts";

/** For one recipient. A suppressed duplicate counts as delivered, without a uid. */
export type Outcome =
  | { readonly kind: "delivered"; readonly mailbox: MboxName; readonly uid: number | undefined }
  | { readonly kind: "refused"; readonly code: MailErrorCode; readonly detail?: string | undefined };

/** Where one recipient's copy is to go now. */
interface Place {
  readonly name: MboxName;
  readonly box: UniqueId;
  readonly shard: number;
  readonly partition: string;
  readonly needsPost: boolean;
  readonly quota: DeliverTarget["quota"];
  /** Mailbox option D: the same message may come again. */
  readonly takesDuplicates: boolean;
  /** Wanted by a detail: if it does not work there, the INBOX is tried. */
  readonly isFolder: boolean;
}

/** One for a process. */
export class Delivery {
  readonly mail: Mail;
  readonly rules: DeliveryRules;
  readonly #duplicates: Duplicates | undefined;
  readonly #log: Log;
  readonly #endWatch: () => void;
  #listChanges = 0;

  constructor(mail: Mail, config: Config, log: Log) {
    this.mail = mail;
    this.#endWatch = mail.watchList(() => {
      this.#listChanges += 1;
    });
    this.rules = deliveryRules(config, mail.rules);
    this.#log = log;
    this.#duplicates = this.rules.suppressesDuplicates ? new Duplicates(duplicatesPath(config), log) : undefined;
  }

  /** Answers RCPT; a promise only when an INBOX is made. */
  resolve(poster: CallerMail, request: Omit<RecipientRequest, "asOf">): Resolution | Promise<Resolution> {
    const resolution = this.#resolved(poster, request, this.rules.autocreates);
    return resolution.kind === "autocreate" ? this.#autocreated(poster, request, resolution.userId) : resolution;
  }

  #resolved(
    poster: CallerMail,
    { address, sizeOctets, ignoreQuota }: Omit<RecipientRequest, "asOf">,
    mayAutocreate: boolean,
  ): Resolution {
    const asOf: ReadingTime = { listChanges: this.#listChanges, milliseconds: Date.now() };
    const request: RecipientRequest = { address, sizeOctets, ignoreQuota, asOf };
    return poster.view((snapshot) => resolveRecipient(snapshot, poster.access, this.rules, request, mayAutocreate));
  }

  async #autocreated(poster: CallerMail, request: Omit<RecipientRequest, "asOf">, userId: UserId): Promise<Resolution> {
    const server = this.mail.as({ ...poster.caller, userId: undefined, groups: [], isAdmin: true });
    try {
      await server.ask("mailboxes.autocreate", { userId });
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      if (error.code === "storeUnavailable") return { kind: "refused", code: error.code };
      this.#log.err(`could not autocreate the INBOX of ${userId}: ${error.message}`);
    }
    return this.#resolved(poster, request, false);
  }

  /**
   * Delivers to all; one outcome for each recipient, in order. A staged file is the writer's afterwards, or gone.
   * @throws Error what is not trouble with one recipient
   */
  async deliver(
    poster: CallerMail,
    recipients: readonly AcceptedRecipient[],
    message: ArrivedMessage,
  ): Promise<Outcome[]> {
    const places = this.#places(poster, recipients, message, true);
    if (message.staged !== undefined) return this.#deliverStaged(poster, places, message, message.staged);
    const outcomes = await this.#ask(poster, places, message, message.args, message.attachments);
    // A folder that took no mail after all: it was deleted or filled up meanwhile. Its INBOX does.
    const failed = outcomes.flatMap((outcome, n) =>
      outcome.kind === "refused" && (places[n] as Partial<Place>).isFolder ? [n] : [],
    );
    if (failed.length === 0) return outcomes;
    const others = this.#places(
      poster,
      failed.map((n) => recipients[n]!),
      message,
      false,
    );
    const more = await this.#ask(poster, others, message, message.args, message.attachments);
    for (const [n, outcome] of more.entries()) outcomes[failed[n]!] = outcome;
    return outcomes;
  }

  close(): void {
    this.#endWatch();
    this.#duplicates?.close();
  }

  /** A large message is in one partition, and one writer takes its file over: the others get copies, and a request each. */
  async #deliverStaged(
    poster: CallerMail,
    places: readonly (Place | Outcome)[],
    message: ArrivedMessage,
    staged: StagedFile,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = places.map((place) =>
      "kind" in place ? place : { kind: "refused", code: "internalError" },
    );
    const requests = new Map<string, { readonly root: string; readonly members: number[] }>();
    for (const [n, place] of places.entries()) {
      if ("kind" in place) continue;
      const key = `${place.shard} ${place.partition}`;
      const request = requests.get(key);
      if (request) request.members.push(n);
      else requests.set(key, { root: this.mail.partitionRoot(place.partition), members: [n] });
    }
    // The file itself goes last: it is what the copies are made from.
    const isBesideFile = ({ root }: { readonly root: string }): boolean => root === staged.root;
    const order = [...requests.values()].sort((a, b) => Number(isBesideFile(a)) - Number(isBesideFile(b)));
    let isOurs = true;
    try {
      for (const [at, { root, members }] of order.entries()) {
        const isLast = at === order.length - 1 && root === staged.root;
        const file = isLast ? staged : await staged.copyTo(root);
        if (file === staged) isOurs = false;
        const args = { ...message.args, staged: file.name };
        const group = members.map((n) => places[n]!);
        const answers = await this.#ask(poster, group, message, args, message.attachments);
        const isUnknown = answers.some((answer) => answer.kind === "refused" && answer.code === "storeUnavailable");
        // Nobody knows whether the writer took the file before it went away: it sweeps those that it did not.
        if (!isUnknown && !answers.some((answer) => answer.kind === "delivered" && answer.uid !== undefined))
          await file.remove();
        // There is no second try with a large one, so nothing here may be final for a mailbox that only the detail named.
        for (const [k, n] of members.entries()) outcomes[n] = softened(answers[k]!, group[k]!);
      }
    } finally {
      if (isOurs) await staged.remove();
    }
    return outcomes;
  }

  /** Asks the writer; recipients that are decided already are passed through. */
  async #ask(
    poster: CallerMail,
    places: readonly (Place | Outcome)[],
    message: ArrivedMessage,
    args: ArrivedMessage["args"],
    attachments: readonly Uint8Array[],
  ): Promise<Outcome[]> {
    const targets: ShardTarget[] = [];
    /** For each recipient its target, or -1. */
    const numbers: number[] = [];
    /** Targets that take one copy only, by mailbox. */
    const single = new Map<UniqueId, number>();
    for (const place of places) {
      if ("kind" in place) {
        numbers.push(-1);
        continue;
      }
      const { box, shard, quota, needsPost, takesDuplicates } = place;
      const isSingle = this.#duplicates !== undefined && !takesDuplicates;
      const earlier = isSingle ? single.get(box) : undefined;
      if (earlier !== undefined) {
        numbers.push(earlier);
        continue;
      }
      if (isSingle) single.set(box, targets.length);
      numbers.push(targets.length);
      targets.push({ box, shard, flags: noFlags, quota, needsPost });
    }
    const delivered = await deliverByShard(poster, args, targets, attachments);
    const seconds = Math.floor(Date.now() / 1_000);
    const logged = new Set<number>();
    return places.map((place, n): Outcome => {
      if ("kind" in place) return place;
      const answer = delivered[numbers[n]!]!;
      if ("refused" in answer) return { kind: "refused", code: answer.refused, detail: answer.detail };
      if (!logged.has(numbers[n]!)) {
        logged.add(numbers[n]!);
        this.#duplicates?.mark({
          id: message.id,
          recipient: place.box,
          date: message.date,
          at: seconds,
          uid: answer.uid,
        });
        this.#log.info(`Delivered: ${message.id} to mailbox: ${place.name}`);
      } else this.#logDuplicate(place.box, message);
      return { kind: "delivered", mailbox: place.name, uid: answer.uid };
    });
  }

  /** Where each recipient's copy goes; or what is decided already. */
  #places(
    poster: CallerMail,
    recipients: readonly AcceptedRecipient[],
    message: ArrivedMessage,
    usesFolders: boolean,
  ): (Place | Outcome)[] {
    if (this.#areKnown(recipients, usesFolders))
      return recipients.map((recipient) => this.#decided(this.#knownPlace(recipient), message));
    return poster.view((snapshot) =>
      recipients.map((recipient): Place | Outcome => {
        const folder = usesFolders ? this.#folderPlace(snapshot, poster, recipient, message) : undefined;
        const place = folder ?? this.#place(snapshot, recipient, recipient.mailbox, recipient.userId === undefined);
        return place === undefined ? { kind: "refused", code: "mailboxNonexistent" } : this.#decided(place, message);
      }),
    );
  }

  /**
   * Whether what RCPT has found out still stands: it was a moment ago, and the list has not changed. What changes all the same, the writer sees,
   * which looks at existence, rights and quota once more.
   */
  #areKnown(recipients: readonly AcceptedRecipient[], usesFolders: boolean): boolean {
    const since = Date.now() - RECIPIENT_FRESH_MILLISECONDS;
    return recipients.every(
      ({ folder, asOf }) =>
        (folder === undefined || !usesFolders) && asOf.listChanges === this.#listChanges && asOf.milliseconds >= since,
    );
  }

  /** A message that was delivered there before is not delivered again. */
  #decided(place: Place, message: ArrivedMessage): Place | Outcome {
    if (this.#duplicates === undefined || place.takesDuplicates) return place;
    const { id, date } = message;
    if (!this.#duplicates.has({ id, recipient: place.box, date })) return place;
    this.#logDuplicate(place.box, message);
    return { kind: "delivered", mailbox: place.name, uid: undefined };
  }

  /** The mailbox that the detail names, if this poster may put this message there. */
  #folderPlace(
    snapshot: Snapshot,
    { access }: CallerMail,
    recipient: AcceptedRecipient,
    message: ArrivedMessage,
  ): Place | undefined {
    const { folder, mailbox } = recipient;
    if (folder === undefined) return undefined;
    let entry = mailboxEntry(snapshot, folder);
    if (entry === undefined && this.rules.loose) {
      const match = looseMatch(snapshot, mailbox, folder);
      entry = match && mailboxEntry(snapshot, match);
    }
    if (entry === undefined || (access.rights(entry.name, entry.acl) & Right.post) === 0) return undefined;
    const uses = entry.specialUse === "" ? [] : entry.specialUse.toLowerCase().split(" ");
    if (uses.some((use) => this.rules.excludedUses.has(use))) return undefined;
    const place = this.#place(snapshot, recipient, entry.name, true);
    const root = place?.quota === "ignore" ? undefined : snapshot.quotaRoot(entry.name);
    const quota = root && snapshot.quota(root);
    const needed = { octets: message.args.sizeOctets, messages: 1 };
    const isFull = quota && quotaExceeded(quota, needed, this.rules.strictQuota ? "strict" : "lenient");
    return place && !isFull ? { ...place, isFolder: true } : undefined;
  }

  #knownPlace({ mailbox, box, mbox, partition, userId, ignoreQuota, takesDuplicates }: AcceptedRecipient): Place {
    return {
      name: mailbox,
      box,
      shard: shardOfMbox(mbox, this.mail.layout.shards),
      partition,
      needsPost: userId === undefined,
      quota: this.#quotaRule(ignoreQuota),
      takesDuplicates,
      isFolder: false,
    };
  }

  #quotaRule(ignoreQuota: boolean): DeliverTarget["quota"] {
    if (ignoreQuota) return "ignore";
    return this.rules.strictQuota ? "strict" : "lenient";
  }

  #place(
    snapshot: Snapshot,
    { ignoreQuota }: AcceptedRecipient,
    name: MboxName,
    needsPost: boolean,
  ): Place | undefined {
    const entry = mailboxEntry(snapshot, name);
    if (entry === undefined) return undefined;
    return {
      name,
      box: entry.uniqueId,
      shard: shardOfMbox(entry.mbox, this.mail.layout.shards),
      partition: entry.partition,
      needsPost,
      quota: this.#quotaRule(ignoreQuota),
      takesDuplicates: this.#duplicates !== undefined && snapshot.header(entry.mbox)?.options.includes("D") === true,
      isFolder: false,
    };
  }

  #logDuplicate(box: UniqueId, { id, date }: ArrivedMessage): void {
    this.#log.info(`dupelim: eliminated duplicate message to ${box} id ${id} date ${date} (delivery)`);
  }
}

function softened(outcome: Outcome, place: Place | Outcome): Outcome {
  const isFinal = outcome.kind === "refused" && !("kind" in place) && place.isFolder;
  return isFinal ? { kind: "refused", code: "mailboxLocked" } : outcome;
}
