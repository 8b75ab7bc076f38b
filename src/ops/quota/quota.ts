/**
 * Arithmetic of quotas. A root limits up to four resources, together for the mailbox it is set on and everything below, down to the next root. STORAGE and
 * X-ANNOTATION-STORAGE are limited in KiB and counted in octets, MESSAGE and X-NUM-FOLDERS are counted as they are.
 */
import type { MboxName } from "../../formats/ids.ts";
import type { QuotaRow } from "../../store/index.ts";
import { refuse } from "../errors.ts";
import { parentName } from "../names/index.ts";

/** In the order in which they are printed. */
export const quotaResources = ["STORAGE", "MESSAGE", "X-ANNOTATION-STORAGE", "X-NUM-FOLDERS"] as const;
export type QuotaResource = (typeof quotaResources)[number];

const KIB = 1024;
/** No limit of a real site comes near; above, sums would lose precision. In KiB or pieces. */
export const MAX_QUOTA_LIMIT = 2 ** 42;

/** What a change adds to a root's use. Negative numbers never make a change refused. */
export interface QuotaUse {
  readonly octets?: number;
  readonly messages?: number;
  readonly annotOctets?: number;
  readonly folders?: number;
}

interface ResourceState {
  readonly resource: QuotaResource;
  /** In octets or pieces, both. */
  readonly used: number;
  readonly limit: number | undefined;
  /** Octets in a unit of the limit. */
  readonly unit: number;
}

type QuotaNumbers = Omit<QuotaRow, "root" | "modseq">;

function state(resource: QuotaResource, used: number, limit: number | undefined, unit: number): ResourceState {
  return { resource, used, limit: limit === undefined ? undefined : limit * unit, unit };
}

function states(quota: QuotaNumbers): ResourceState[] {
  return [
    state("STORAGE", quota.storageUsed, quota.storageLimit, KIB),
    state("MESSAGE", quota.messageUsed, quota.messageLimit, 1),
    state("X-ANNOTATION-STORAGE", quota.annotUsed, quota.annotLimit, KIB),
    state("X-NUM-FOLDERS", quota.folderUsed, quota.folderLimit, 1),
  ];
}

/**
 * The first resource of which there is not enough for `more`; undefined when there is.
 *
 * `lenient` is LMTP's rule without `lmtp_strict_quota`: a message is taken while STORAGE is not used up, however large it is, so that senders of small
 * messages do not wonder why theirs arrive and others do not. It does not stretch to the number of messages.
 */
export function quotaExceeded(
  quota: QuotaNumbers,
  more: QuotaUse,
  rule: "strict" | "lenient" = "strict",
): QuotaResource | undefined {
  const added: Readonly<Record<QuotaResource, number>> = {
    STORAGE: more.octets ?? 0,
    MESSAGE: more.messages ?? 0,
    "X-ANNOTATION-STORAGE": more.annotOctets ?? 0,
    "X-NUM-FOLDERS": more.folders ?? 0,
  };
  for (const { resource, used, limit } of states(quota)) {
    if (limit === undefined || added[resource] <= 0) continue;
    const isFull = rule === "lenient" && resource === "STORAGE" ? used >= limit : used + added[resource] > limit;
    if (isFull) return resource;
  }
  return undefined;
}

/** @throws MailError overQuota, with the resource */
export function requireQuota(
  quota: QuotaNumbers | undefined,
  more: QuotaUse,
  rule: "strict" | "lenient" = "strict",
): void {
  const resource = quota && quotaExceeded(quota, more, rule);
  if (resource !== undefined) refuse("overQuota", resource);
}

export interface QuotaLine {
  readonly resource: QuotaResource;
  /** In units of the limit, rounded down. */
  readonly used: number;
  readonly limit: number;
}

/** What GETQUOTA prints: resources that are limited. */
export function quotaLines(quota: QuotaNumbers): QuotaLine[] {
  return states(quota).flatMap(({ resource, used, limit, unit }) =>
    limit === undefined ? [] : [{ resource, used: Math.floor(used / unit), limit: limit / unit }],
  );
}

export interface QuotaWarnings {
  /** `quotawarn`: percent of a limit above which there is a warning. */
  readonly percent: number;
  /** `quotawarnkb`: only when no more than this is free, in KiB; 0: always. */
  readonly freeKib: number;
  /** `quotawarnmsg`: the same for messages. */
  readonly freeMessages: number;
}

export interface QuotaAlert {
  readonly resource: QuotaResource;
  /** 0 to 100; undefined when over the limit. */
  readonly percent: number | undefined;
}

/** What SELECT warns of. X-NUM-FOLDERS and annotations are no business of somebody who reads mail, unless they are used up. */
export function quotaAlerts(quota: QuotaNumbers, { percent, freeKib, freeMessages }: QuotaWarnings): QuotaAlert[] {
  const alerts: QuotaAlert[] = [];
  for (const { resource, used, limit, unit } of states(quota)) {
    if (limit === undefined) continue;
    if (used > limit) {
      alerts.push({ resource, percent: undefined });
      continue;
    }
    const share = limit === 0 ? 0 : Math.floor((used / limit) * 100);
    const enough = resource === "STORAGE" ? freeKib * unit : resource === "MESSAGE" ? freeMessages : 0;
    const isPlenty = enough > 0 && limit >= enough && limit - used > enough;
    if (share > percent && !isPlenty) alerts.push({ resource, percent: share });
  }
  return alerts;
}

/** Limits of SETQUOTA: undefined for a resource that is not named, which loses its limit. */
export type QuotaLimits = Readonly<Record<QuotaResource, number | undefined>>;

/**
 * Reads the list of SETQUOTA. -1 is no limit; the last of a resource that is named twice counts.
 * @throws MailError badQuotaResource, for a name that is none or a number that is too large
 */
export function parseQuotaLimits(list: readonly { readonly resource: string; readonly limit: number }[]): QuotaLimits {
  const limits: Record<QuotaResource, number | undefined> = {
    STORAGE: undefined,
    MESSAGE: undefined,
    "X-ANNOTATION-STORAGE": undefined,
    "X-NUM-FOLDERS": undefined,
  };
  for (const { resource: name, limit } of list) {
    const resource = quotaResources.find((known) => known === name.toUpperCase()) ?? refuse("badQuotaResource", name);
    if (!Number.isInteger(limit) || limit < -1 || limit > MAX_QUOTA_LIMIT) refuse("badQuotaResource", name);
    limits[resource] = limit === -1 ? undefined : limit;
  }
  return limits;
}

/** The nearest root at or above `name`. */
export function nearestQuotaRoot(name: MboxName, isRoot: (name: MboxName) => boolean): MboxName | undefined {
  for (let at: MboxName | undefined = name; at !== undefined; at = parentName(at)) if (isRoot(at)) return at;
  return undefined;
}
