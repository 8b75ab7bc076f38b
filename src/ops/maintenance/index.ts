export { countedUse, isSameUse, type QuotaUsed } from "./fix-quota.ts";
export { quotasAsJson, quotaTable } from "./quota-report.ts";
export { hasMessages, MaintenanceReader } from "./reader.ts";
export { Tools } from "./tools.ts";
