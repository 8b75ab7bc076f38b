/** What cyr_quota prints. */
import type { MboxName } from "../../formats/ids.ts";
import type { QuotaRow } from "../../store/index.ts";

const KIB = 1024;

interface Line {
  readonly resource: string;
  /** As -J prints it: octets or pieces. */
  readonly used: number;
  /** In units. */
  readonly limit: number | undefined;
  /** Octets in a unit, 1 for pieces. */
  readonly unit: number;
}

function linesOf(quota: QuotaRow): Line[] {
  return [
    { resource: "STORAGE", used: quota.storageUsed, limit: quota.storageLimit, unit: KIB },
    { resource: "MESSAGE", used: quota.messageUsed, limit: quota.messageLimit, unit: 1 },
    { resource: "X-ANNOTATION-STORAGE", used: quota.annotUsed, limit: quota.annotLimit, unit: KIB },
    { resource: "X-NUM-FOLDERS", used: quota.folderUsed, limit: quota.folderLimit, unit: 1 },
  ];
}

/**
 * Columns: limit in 8 places, percent in 9, use in 9, resource in 21, root. Both of the first are blank without a limit. Use in KiB is rounded down,
 * percent is of octets.
 */
export function quotaTable(quotas: readonly QuotaRow[], nameOf: (root: MboxName) => string): string {
  let text = "   Quota   % Used     Used             Resource Root\n";
  for (const quota of quotas) {
    for (const { resource, used, limit, unit } of linesOf(quota)) {
      const percent = limit === undefined ? "" : String(percentOf(used, limit * unit));
      const first = `${String(limit ?? "").padStart(8)} ${percent.padStart(8)} `;
      text += `${first}${String(Math.floor(used / unit)).padStart(8)} ${resource.padStart(20)} ${nameOf(quota.root)}\n`;
    }
  }
  return text;
}

function percentOf(used: number, limit: number): number {
  return limit === 0 ? (used > 0 ? 100 : 0) : Math.floor((used * 100) / limit);
}

/** -J: octets, not KiB; resources without a limit have no `limit`. */
export function quotasAsJson(quotas: readonly QuotaRow[], nameOf: (root: MboxName) => string): string {
  const object = Object.create(null) as Record<string, Record<string, { used: number; limit?: number }>>;
  for (const quota of quotas) {
    const resources: Record<string, { used: number; limit?: number }> = {};
    for (const { resource, used, limit, unit } of linesOf(quota)) {
      resources[resource] = limit === undefined ? { used } : { used, limit: limit * unit };
    }
    object[nameOf(quota.root)] = resources;
  }
  return JSON.stringify(object);
}
