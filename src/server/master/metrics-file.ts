/** `master.txt` in the statistics directory, in the text format of Prometheus, for promstatsd to collect. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ServiceMetrics } from "./service-socket.ts";

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly value: (metrics: ServiceMetrics) => number | undefined;
}

const metrics: readonly Metric[] = [
  { name: "ready_workers", type: "gauge", help: "The number of ready workers", value: (m) => m.readyWorkers },
  { name: "forks_total", type: "counter", help: "The number of forks", value: (m) => m.forks },
  { name: "active_children", type: "gauge", help: "The number of children", value: (m) => m.activeChildren },
  { name: "max_children", type: "gauge", help: "maxchild", value: (m) => m.maxChildren ?? -1 },
  { name: "forks_per_second", type: "gauge", help: "Recent rate of forks", value: (m) => m.forksPerSecond },
  { name: "max_forks_per_second", type: "gauge", help: "maxforkrate", value: (m) => m.maxForksPerSecond },
  { name: "ready_fails_total", type: "counter", help: "Recent failures in READY state", value: (m) => m.readyFailures },
];

export function formatMetrics(services: readonly ServiceMetrics[], nowMs: number): string {
  let text = "";
  for (const { name, type, help, value } of metrics) {
    text += `# HELP cyrus_master_${name} ${help}\n# TYPE cyrus_master_${name} ${type}\n`;
    for (const service of services) {
      const labels = `service="${service.service}",family="${service.family}"`;
      text += `cyrus_master_${name}{${labels}} ${value(service)} ${nowMs}\n`;
    }
  }
  return text;
}

/** Written beside and renamed, so that a reader sees a whole file. @throws the system's error */
export function writeMetrics(path: string, services: readonly ServiceMetrics[], nowMs: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, formatMetrics(services, nowMs), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
