/** The table of every option of imapd.conf, in the order in which cyr_info prints them: by area, then by name. */
import { accessOptions } from "./access.ts";
import { backupOptions } from "./backup.ts";
import { clusterOptions } from "./cluster.ts";
import { databasesOptions } from "./databases.ts";
import { deliveryOptions } from "./delivery.ts";
import type {
  BitfieldOption,
  DurationOption,
  IntOption,
  Option,
  StringOption,
  SwitchOption,
  WordOption,
} from "./define.ts";
import { groupsOptions } from "./groups.ts";
import { httpOptions } from "./http.ts";
import { imapOptions } from "./imap.ts";
import { jmapOptions } from "./jmap.ts";
import { mailboxesOptions } from "./mailboxes.ts";
import { ownOptions } from "./own.ts";
import { pop3NntpOptions } from "./pop3-nntp.ts";
import { searchOptions } from "./search.ts";
import { serverOptions } from "./server.ts";
import { sieveOptions } from "./sieve.ts";
import { storageOptions } from "./storage.ts";
import { tlsOptions } from "./tls.ts";

const table = {
  ...serverOptions,
  ...accessOptions,
  ...tlsOptions,
  ...mailboxesOptions,
  ...storageOptions,
  ...databasesOptions,
  ...imapOptions,
  ...pop3NntpOptions,
  ...deliveryOptions,
  ...sieveOptions,
  ...searchOptions,
  ...httpOptions,
  ...jmapOptions,
  ...clusterOptions,
  ...groupsOptions,
  ...backupOptions,
  ...ownOptions,
};

type Table = typeof table;
export type OptionName = keyof Table;

/** Old names whose value another option takes over. Code reads the new name. */
export type OldOptionName = {
  [N in OptionName]: Table[N] extends { deprecated: { use: string } } ? N : never;
}[OptionName];
export type CurrentOptionName = Exclude<OptionName, OldOptionName>;

/** What the code gets for an option: seconds for a duration, a set of words for a bitfield, undefined for unset text. */
type ValueOf<O> = O extends SwitchOption
  ? boolean
  : O extends IntOption
    ? number
    : O extends StringOption<infer D>
      ? D extends string
        ? string
        : string | undefined
      : O extends DurationOption<infer D>
        ? D extends string
          ? number
          : number | undefined
        : O extends WordOption<infer W, infer D>
          ? W | (undefined extends D ? undefined : never)
          : O extends BitfieldOption<infer W>
            ? ReadonlySet<W>
            : never;

export type OptionValues = { readonly [N in CurrentOptionName]: ValueOf<Table[N]> };

/** Every option by name. Names come from files, hence a Map. */
export const options: ReadonlyMap<string, Option> = new Map<string, Option>(Object.entries(table));

/** The table by areas, for documentation. */
export const optionGroups: readonly { readonly title: string; readonly names: readonly string[] }[] = [
  { title: "The whole server", names: Object.keys(serverOptions) },
  { title: "Logins and rights", names: Object.keys(accessOptions) },
  { title: "TLS", names: Object.keys(tlsOptions) },
  { title: "Names, automatic creation, quota, annotations", names: Object.keys(mailboxesOptions) },
  { title: "Partitions, message files, expiry, conversations", names: Object.keys(storageOptions) },
  { title: "Databases", names: Object.keys(databasesOptions) },
  { title: "IMAP", names: Object.keys(imapOptions) },
  { title: "POP3 and NNTP", names: Object.keys(pop3NntpOptions) },
  { title: "Delivery, notifications, events", names: Object.keys(deliveryOptions) },
  { title: "Sieve", names: Object.keys(sieveOptions) },
  { title: "Search", names: Object.keys(searchOptions) },
  { title: "HTTP, CalDAV, CardDAV", names: Object.keys(httpOptions) },
  { title: "JMAP", names: Object.keys(jmapOptions) },
  { title: "Cluster and replication", names: Object.keys(clusterOptions) },
  { title: "Group lookups", names: Object.keys(groupsOptions) },
  { title: "Backup server", names: Object.keys(backupOptions) },
  { title: "Options of Pasargad alone", names: Object.keys(ownOptions) },
];
