import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The file that a worker thread runs. From source it is the built one. Undefined where there is none, as in a bundle.
 * @param caller `import.meta.url` of a module one folder below src/ or dist/
 * @param name below that folder's parent, without its ending: "train/helper-worker.node"
 */
export function workerFile(caller: string, name: string): URL | undefined {
  const file = new URL(caller.endsWith(".ts") ? `../../dist/${name}.js` : `../${name}.js`, caller);
  return existsSync(fileURLToPath(file)) ? file : undefined;
}
