/** What this server can do, in the shape of cyr_buildinfo's JSON: groups of components with true, false or a word. */
import { optionStates } from "./options/states.ts";

export type BuildInfo = Readonly<Record<string, Readonly<Record<string, boolean | string>>>>;

/** Names of the programs that are there, such as cyr_imapd. */
export type HasProgram = (name: string) => boolean;

/**
 * Libraries that Cyrus is linked with are named for what they bring: `ldap` is group lookup in LDAP, `wslay` WebSocket,
 * `nghttp2` HTTP/2. False where we have the thing in another way but not by that library's formats.
 */
export function buildInfo(has: HasProgram): BuildInfo {
  const httpd = has("cyr_httpd");
  return {
    component: {
      event_notification: isDone("event_notifier"),
      gssapi: false,
      autocreate: isDone("autocreate_quota"),
      idled: has("cyr_idled"),
      httpd,
      kerberos_v4: false,
      murder: has("cyr_mupdate"),
      nntpd: has("cyr_nntpd"),
      replication: has("cyr_sync_client") && has("cyr_sync_server"),
      sieve: has("cyr_timsieved"),
      calalarmd: has("cyr_calalarmd"),
      jmap: httpd && isDone("jmap_max_calls_in_request"),
      objectstore: isDone("object_storage_enabled"),
      backup: has("cyr_backupd"),
    },
    dependency: {
      ldap: isDone("ldap_uri"),
      openssl: process.versions["openssl"] !== undefined,
      zlib: process.versions["zlib"] !== undefined,
      jansson: false,
      pcre: false,
      clamav: has("cyr_virusscan"),
      openio: false,
      nghttp2: httpd && isDone("http_h2_altsvc"),
      wslay: httpd && isDone("websocket_timeout"),
      brotli: httpd && isDone("httpallowcompress") && process.versions["brotli"] !== undefined,
      xml2: false,
      ical: false,
      icu4c: process.versions["icu"] !== undefined,
      shapelib: false,
      chardet: false,
      cld2: false,
    },
    database: { mysql: false, pgsql: false, sqlite: true },
    search: { squat: false, xapian: false, xapian_cjk_tokens: "none" },
    hardware: {},
  };
}

function isDone(name: keyof typeof optionStates): boolean {
  return optionStates[name] === "done";
}

export const buildInfoFormats = ["pretty", "dense", "flat"] as const;
export type BuildInfoFormat = (typeof buildInfoFormats)[number];

/** pretty: JSON over many lines; dense: on one; flat: a line `GROUP.NAME=VALUE` each. Without a newline at the end. */
export function formatBuildInfo(info: BuildInfo, format: BuildInfoFormat): string {
  switch (format) {
    case "pretty":
      return JSON.stringify(info, undefined, 2);
    case "dense":
      return `{${Object.entries(info)
        .map(([group, values]) => `${JSON.stringify(group)}: {${denseMembers(values)}}`)
        .join(", ")}}`;
    case "flat":
      return Object.entries(info)
        .flatMap(([group, values]) => Object.entries(values).map(([name, value]) => `${group}.${name}=${value}`))
        .join("\n");
  }
}

function denseMembers(values: Readonly<Record<string, boolean | string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join(", ");
}
