/** Settings whose names are made by the administrator: partitions, channels, backends, autocreated folders. */
import type { Setting, Settings } from "./settings.ts";

/** A place for message files, with the places that belong to it. Paths are as the file gives them. */
export interface Partition {
  readonly name: string;
  /** `partition-NAME`: message files. */
  readonly path: string;
  /** `metapartition-NAME`: the files named in metapartition_files. */
  readonly metaPath?: string;
  /** `archivepartition-NAME`. Messages go there only when archive_enabled is on. */
  readonly archivePath?: string;
  /** `TIERsearchpartition-NAME` by tier. */
  readonly searchPaths: ReadonlyMap<string, string>;
}

/** One `autocreate_acl` line: a right given on a folder when it is created automatically. */
export interface AutocreateAcl {
  readonly folder: string;
  readonly identifier: string;
  readonly rights: string;
}

/** Settings as one service sees them: for any name, its own form (`imap_sasl_mech_list`) before the common one. */
export interface ServiceSettings {
  get(name: string): Setting | undefined;
  /** Effective settings, by name without the service, in the order of the files. */
  all(): ReadonlyMap<string, Setting>;
}

export function settingsOf({ byName }: Settings, service: string | undefined): ServiceSettings {
  const prefix = service === undefined ? undefined : `${service}_`;
  const own = (name: string): Setting | undefined => (prefix === undefined ? undefined : byName.get(prefix + name));
  return {
    get: (name) => own(name) ?? byName.get(name),
    all: () => {
      const effective = new Map<string, Setting>();
      for (const [name, setting] of byName) {
        if (prefix !== undefined && name.startsWith(prefix)) effective.set(name.slice(prefix.length), setting);
        if (!effective.has(name)) effective.set(name, setting);
      }
      return effective;
    },
  };
}

/** Values of the settings whose name is `before`, a name of the administrator's, nothing more. */
export function valuesAfter(settings: ServiceSettings, before: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, { value }] of settings.all()) {
    if (name.startsWith(before) && name.length > before.length) found.set(name.slice(before.length), value);
  }
  return found;
}

const searchPattern = /^([a-z0-9]+)searchpartition-(.+)$/;

export function partitionsOf(settings: ServiceSettings): ReadonlyMap<string, Partition> {
  const partitions = new Map<string, Partition>();
  const meta = valuesAfter(settings, "metapartition-");
  const archive = valuesAfter(settings, "archivepartition-");
  for (const [name, path] of valuesAfter(settings, "partition-")) {
    const searchPaths = new Map<string, string>();
    for (const [key, { value }] of settings.all()) {
      const [, tier, partition] = searchPattern.exec(key) ?? [];
      if (tier !== undefined && partition === name) searchPaths.set(tier, value);
    }
    const metaPath = meta.get(name);
    const archivePath = archive.get(name);
    partitions.set(name, {
      name,
      path,
      ...(metaPath !== undefined && { metaPath }),
      ...(archivePath !== undefined && { archivePath }),
      searchPaths,
    });
  }
  return partitions;
}

/** The lines `autocreate_acl: FOLDER IDENTIFIER RIGHTS`; the folder may hold blanks. Undefined for any other shape. */
export function parseAutocreateAcl(value: string): AutocreateAcl | undefined {
  const [, folder, identifier, rights] = /^(.*\S)[ \t]+(\S+)[ \t]+(\S+)$/.exec(value) ?? [];
  if (folder === undefined || identifier === undefined || rights === undefined) return undefined;
  return { folder, identifier, rights };
}
