/**
 * Layers: an import may only point to a folder further down the list below, or inside its own folder.
 * Also rejects import cycles between files. Prints `file:line: reason` for each finding; exits 1 when there is one.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** Highest first. Folders on one line do not know each other. */
const layers: readonly (readonly string[])[] = [
  ["programs"],
  ["protocols"],
  ["server", "ops"],
  ["store"],
  ["config"],
  ["formats"],
  ["base"],
];

/** Folders whose sub-folders do not know each other either. */
const apart = new Set(["protocols", "formats"]);

interface Import {
  readonly line: number;
  readonly target: string;
}

const root = resolve(import.meta.dirname, "..");
const src = join(root, "src");
const findings: string[] = [];
const graph = new Map<string, Import[]>();

function walk(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return walk(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const found: Import[] = [];
  const pattern = /(?:from\s+|import\s+|import\()"(\.[^"]+)"/g;
  for (const match of text.matchAll(pattern)) {
    const line = text.slice(0, match.index).split("\n").length;
    found.push({ line, target: resolve(dirname(file), match[1]!) });
  }
  return found;
}

function layerOf(folder: string): number {
  return layers.findIndex((names) => names.includes(folder));
}

function checkImport(file: string, { line, target }: Import): void {
  const where = `${relative(root, file)}:${line}`;
  const isTest = /\.(test|fuzz)\.ts$/.test(file);
  const from = relative(src, file).split("/");
  const to = relative(src, target).split("/");
  if (to[0] === "..") {
    if (!isTest) findings.push(`${where}: imports ${relative(root, target)}, which is outside src/`);
    return;
  }
  const fromLayer = layerOf(from[0]!);
  const toLayer = layerOf(to[0]!);
  if (fromLayer < 0 || toLayer < 0) {
    findings.push(`${where}: ${from[0]} or ${to[0]} is no layer; see scripts/check-layers.ts`);
  } else if (from[0] !== to[0] && toLayer <= fromLayer) {
    findings.push(`${where}: ${from[0]}/ may not import ${to[0]}/ (imports only point down)`);
  } else if (from[0] === to[0] && apart.has(from[0]!) && from[1] !== to[1] && from.length > 2 && to.length > 2) {
    findings.push(`${where}: ${from[0]}/${from[1]} and ${to[0]}/${to[1]} do not know each other`);
  }
}

function findCycles(): void {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string): void => {
    state.set(file, "open");
    path.push(file);
    for (const { target, line } of graph.get(file) ?? []) {
      if (!graph.has(target)) continue;
      if (state.get(target) === "open") {
        const cycle = [...path.slice(path.indexOf(target)), target].map((f) => relative(src, f)).join(" -> ");
        findings.push(`${relative(root, file)}:${line}: import cycle ${cycle}`);
      } else if (!state.has(target)) visit(target);
    }
    path.pop();
    state.set(file, "done");
  };
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
}

for (const file of walk(src)) graph.set(file, importsOf(file));
for (const [file, imports] of graph) for (const item of imports) checkImport(file, item);
findCycles();
for (const finding of findings) console.error(finding);
if (findings.length > 0) process.exitCode = 1;
else console.log(`layers: ${graph.size} files, no upward import, no cycle`);
