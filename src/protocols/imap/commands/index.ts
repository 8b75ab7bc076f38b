/** The map of the protocol: every command that exists, by name. UID forms are filed as `UID NAME`. */
import type { Config } from "../../../config/index.ts";
import type { ImapCommand, TableCommand } from "../core.ts";
import { deleteAcl, getAcl, listRights, myRights, setAcl } from "./acl.ts";
import { append } from "./append.ts";
import { authenticate } from "./authenticate.ts";
import { capability } from "./capability.ts";
import { check } from "./check.ts";
import { close, unselect } from "./close.ts";
import { copy } from "./copy.ts";
import { create } from "./create.ts";
import { deleteMailbox } from "./delete.ts";
import { enable } from "./enable.ts";
import { expunge, uidExpunge } from "./expunge.ts";
import { fetch } from "./fetch.ts";
import { id } from "./id.ts";
import { idle } from "./idle.ts";
import { list, lsub } from "./list.ts";
import { login } from "./login.ts";
import { logout } from "./logout.ts";
import { move } from "./move.ts";
import { namespace } from "./namespace.ts";
import { noop } from "./noop.ts";
import { getQuota, getQuotaRoot, setQuota } from "./quota.ts";
import { rename } from "./rename.ts";
import { search } from "./search.ts";
import { examine, select } from "./select.ts";
import { startTls } from "./starttls.ts";
import { status } from "./status.ts";
import { store } from "./store.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";

export function commandTable(config: Pick<Config, "imapidlepoll">): ReadonlyMap<string, TableCommand> {
  const table = new Map<string, TableCommand>();
  const add = <Args>(command: ImapCommand<Args>): void => {
    const closed = tableCommand(command);
    if (command.uidForm !== "only") table.set(command.name, closed);
    if (command.uidForm !== undefined) table.set(`UID ${command.name}`, closed);
  };
  add(append);
  add(authenticate);
  add(capability);
  add(check);
  add(close);
  add(copy);
  add(create);
  add(deleteAcl);
  add(deleteMailbox);
  add(enable);
  add(examine);
  add(expunge);
  add(fetch);
  add(getAcl);
  add(getQuota);
  add(getQuotaRoot);
  add(id);
  // Without polling there is no IDLE in Cyrus; sites switch it off that way.
  if (config.imapidlepoll > 0) add(idle);
  add(list);
  add(listRights);
  add(login);
  add(logout);
  add(lsub);
  add(move);
  add(myRights);
  add(namespace);
  add(noop);
  add(rename);
  add(search);
  add(select);
  add(setAcl);
  add(setQuota);
  add(startTls);
  add(status);
  add(store);
  add(subscribe);
  add(uidExpunge);
  add(unselect);
  add(unsubscribe);
  return table;
}

function tableCommand<Args>(command: ImapCommand<Args>): TableCommand {
  return {
    ...command,
    prepare(args, session) {
      const parsed = command.parse(args, session);
      return (session, call) => command.run(session, parsed, call);
    },
  };
}
