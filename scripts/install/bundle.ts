/** Makes one file of each program, and of each thread that a program starts. */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

/** `new Worker(new URL(import.meta.resolve("./NAME.ts")))`: the thread's own bundle lies beside the program's. */
const THREAD = /import\.meta\.resolve\("\.\/([a-z0-9-]+)\.ts"\)/g;

/**
 * Writes DIRECTORY/NAME.mjs for each entry. koffi, which has a native part, stays outside: it is found in DIRECTORY/node_modules.
 * @param entries by name
 * @throws Error what esbuild could not do
 */
export async function bundlePrograms(entries: ReadonlyMap<string, string>, directory: string): Promise<void> {
  const threads = new Map<string, string>();
  await bundle(entries, directory, threads);
  // Threads start no threads.
  await bundle(threads, directory, new Map());
}

async function bundle(
  entries: ReadonlyMap<string, string>,
  directory: string,
  threads: Map<string, string>,
): Promise<void> {
  if (entries.size === 0) return;
  await build({
    entryPoints: [...entries].map(([name, path]) => ({ in: path, out: name })),
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    external: ["koffi"],
    legalComments: "none",
    logLevel: "warning",
    plugins: [threadPlugin(threads)],
  });
}

function threadPlugin(threads: Map<string, string>): Plugin {
  return {
    name: "threads",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
        const source = readFileSync(path, "utf8");
        const contents = source.replace(THREAD, (_, name: string) => {
          threads.set(name, resolve(join(dirname(path), `${name}.ts`)));
          return `import.meta.resolve("./${name}.mjs")`;
        });
        return { contents, loader: "ts" };
      });
    },
  };
}
