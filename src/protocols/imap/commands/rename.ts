import { parseRename, type RenameArguments } from "../../../formats/imap/index.ts";
import { refuse } from "../../../ops/index.ts";
import type { ImapCommand } from "../core.ts";

/** RENAME: RFC 3501 §6.3.5. */
export const rename: ImapCommand<RenameArguments> = {
  name: "RENAME",
  state: "loggedIn",
  writes: true,
  parse: parseRename,
  async run(session, { source, target, partition }) {
    const { mail, names } = session;
    const from = names.toInternal(source) ?? refuse("mailboxNonexistent");
    const to = names.toInternal(target) ?? refuse("badName");
    const renamed = await mail.ask("mailboxes.rename", { from, to, partition });
    for (const { from: oldName, to: newName } of renamed) {
      const [before, after] = [names.toExternal(oldName), names.toExternal(newName)];
      if (before === undefined || after === undefined) continue;
      session.out.text("* OK rename ").astring(before).space().astring(after).crlf();
    }
    return "OK Completed";
  },
};
