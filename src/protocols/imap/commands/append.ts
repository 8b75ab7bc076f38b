/** APPEND: RFC 3501 §6.3.11, of several messages too (RFC 3502). */
import {
  appendUidCode,
  type Arguments,
  literalIsAppendMailbox,
  parseAppendMailbox,
  parseAppendOptions,
  ImapSyntaxError,
} from "../../../formats/imap/index.ts";
import { MailError, refuse, Right } from "../../../ops/index.ts";
import { requireQuota } from "../../../ops/quota/index.ts";
import { AppendInput } from "../append/append-input.ts";
import { refusalAnswer } from "../answers.ts";
import type { AnnouncedLiteral, ImapCommand } from "../core.ts";
import { MAX_APPEND_MESSAGES, MAX_MESSAGE_OCTETS } from "../limits.ts";
import { type FoundMailbox, findMailbox, mayCreate } from "../mailbox/find.ts";
import type { ImapSession } from "../core.ts";
import { tagged, untagged } from "../../../formats/imap/index.ts";

export const append: ImapCommand<void> = {
  name: "APPEND",
  state: "loggedIn",
  writes: true,
  literal,
  parse(args, session) {
    const input = session.append;
    if (input === undefined) {
      // Without any literal: say what is missing, as far as it goes.
      parseAppendMailbox(args);
      parseAppendOptions(args);
      args.missing();
    }
    args.streamed();
    args.end();
  },
  async run(session) {
    const input = session.append;
    if (input === undefined) throw new Error("APPEND without a message");
    if (input.fault !== undefined) refuse(input.fault);
    const { mail, service } = session;
    const { target, messages, octets } = input;
    const args = { box: target.entry.uniqueId, messages, ignoreQuota: service.ignoreQuota };
    try {
      const { uidValidity, uids } = await mail.ask("messages.append", args, octets);
      input.handedOver();
      return `OK ${appendUidCode(uidValidity, [uids])} Completed`;
    } catch (error) {
      // Nobody knows whether the writer took the files before it went away: it sweeps those that it did not.
      if (error instanceof MailError && error.code === "storeUnavailable") input.handedOver();
      throw error;
    }
  },
};

/** A literal was announced: the mailbox's name, or a message. A message is only asked for when it can be taken. */
function literal(session: ImapSession, announced: AnnouncedLiteral): void {
  const { args, sync, sizeOctets } = announced;
  const { reader } = session;
  if (session.append === undefined && literalIsAppendMailbox(args)) {
    reader.gather();
    if (sync) session.goAhead();
    return;
  }
  const refusal = begin(session, args, sizeOctets);
  if (refusal !== undefined) {
    const input = session.append;
    session.append = undefined;
    reader.refuse();
    if (args.tag === undefined) untagged(session.out, "BAD Invalid tag");
    else tagged(session.out, args.tag, refusal);
    return void input?.abandon();
  }
  reader.stream();
  if (sync) session.goAhead();
}

/** @returns the answer when the message is not wanted */
function begin(session: ImapSession, args: Arguments, sizeOctets: number): string | undefined {
  try {
    if (session.append === undefined) {
      if (session.service.context.config.readonly) refuse("readOnlyServer");
      const found = appendTarget(session, parseAppendMailbox(args));
      if (typeof found === "string") return found;
      const { mail, service } = session;
      const { config } = service.context;
      session.append = new AppendInput(found, {
        partitionRoot: mail.mail.partitionRoot(found.entry.partition),
        scan: { maxheaderlines: config.maxheaderlines },
        check: { reject8bit: config.reject8bit },
        log: service.context.log,
      });
    } else args.streamed();
    const input = session.append;
    const options = parseAppendOptions(args);
    if (sizeOctets === 0) refuse("zeroLengthMessage");
    if (sizeOctets > (session.service.maxMessageOctets || MAX_MESSAGE_OCTETS)) refuse("messageTooBig");
    if (input.messages.length >= MAX_APPEND_MESSAGES) refuse("tooManyMessages");
    checkQuota(session, input, sizeOctets);
    input.begin(sizeOctets, options);
    return undefined;
  } catch (error) {
    if (error instanceof ImapSyntaxError) return `BAD ${error.message}`;
    if (error instanceof MailError) return refusalAnswer(error);
    throw error;
  }
}

function appendTarget(session: ImapSession, mailbox: string): FoundMailbox | string {
  const { mail, names } = session;
  return session.view((snapshot) => {
    try {
      return findMailbox(snapshot, mail, names.toInternal(mailbox), Right.insert);
    } catch (error) {
      if (
        error instanceof MailError &&
        error.code === "mailboxNonexistent" &&
        mayCreate(snapshot, mail, names, mailbox)
      )
        return "NO [TRYCREATE] Mailbox does not exist";
      throw error;
    }
  });
}

/** @throws MailError overQuota, before anybody sends the message */
function checkQuota(session: ImapSession, input: AppendInput, sizeOctets: number): void {
  if (session.service.ignoreQuota) return;
  session.view((snapshot) => {
    const root = snapshot.quotaRoot(input.target.entry.name);
    const quota = root === undefined ? undefined : snapshot.quota(root);
    requireQuota(quota, { octets: input.totalOctets + sizeOctets, messages: input.messages.length + 1 });
  });
}
