/** ACL commands: RFC 4314 §3. */
import {
  aclLine,
  listRightsLine,
  myRightsLine,
  parseMailboxAndIdentifier,
  parseOneName,
  parseSetAcl,
  type SetAclArguments,
} from "../../../formats/imap/index.ts";
import type { MboxName } from "../../../formats/ids.ts";
import { refuse } from "../../../ops/index.ts";
import { mailboxAcl, mailboxListRights, myRights as rightsOn } from "../../../ops/mailboxes/index.ts";
import type { ImapCommand } from "../core.ts";
import type { ImapSession } from "../core.ts";

function nameOf(session: ImapSession, mailbox: string): MboxName {
  return session.names.toInternal(mailbox) ?? refuse("mailboxNonexistent");
}

export const setAcl: ImapCommand<SetAclArguments> = {
  name: "SETACL",
  capability: "ACL",
  state: "loggedIn",
  writes: true,
  parse: parseSetAcl,
  async run(session, { mailbox, identifier, rights: { change, rights } }) {
    await session.mail.ask("acl.set", { name: nameOf(session, mailbox), identifier, change, rights });
    return "OK Completed";
  },
};

export const deleteAcl: ImapCommand<{ readonly mailbox: string; readonly identifier: string }> = {
  name: "DELETEACL",
  state: "loggedIn",
  writes: true,
  parse: parseMailboxAndIdentifier,
  async run(session, { mailbox, identifier }) {
    await session.mail.ask("acl.set", { name: nameOf(session, mailbox), identifier, change: "replace", rights: "" });
    return "OK Completed";
  },
};

export const getAcl: ImapCommand<string> = {
  name: "GETACL",
  state: "loggedIn",
  parse: parseOneName,
  run(session, mailbox) {
    const name = nameOf(session, mailbox);
    const entries = session.view((snapshot) => mailboxAcl(snapshot, session.mail.access, name));
    aclLine(
      session.out,
      mailbox,
      entries.map(({ identifier, rights }) => [identifier, rights] as const),
    );
    return "OK Completed";
  },
};

export const listRights: ImapCommand<{ readonly mailbox: string; readonly identifier: string }> = {
  name: "LISTRIGHTS",
  state: "loggedIn",
  parse: parseMailboxAndIdentifier,
  run(session, { mailbox, identifier }) {
    const { mail } = session;
    const name = nameOf(session, mailbox);
    const { names, config } = mail.mail.rules;
    const rules = { names, toLower: config.username_tolower };
    const { always, optional } = session.view((snapshot) =>
      mailboxListRights(snapshot, mail.access, name, identifier, rules),
    );
    listRightsLine(session.out, mailbox, identifier, always, optional);
    return "OK Completed";
  },
};

export const myRights: ImapCommand<string> = {
  name: "MYRIGHTS",
  state: "loggedIn",
  parse: parseOneName,
  run(session, mailbox) {
    const name = nameOf(session, mailbox);
    myRightsLine(
      session.out,
      mailbox,
      session.view((snapshot) => rightsOn(snapshot, session.mail.access, name)),
    );
    return "OK Completed";
  },
};
