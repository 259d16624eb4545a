import { readFile, stat } from "node:fs/promises";
import { UsageError } from "../errors.ts";

/** Far above any config's, and far below what the readers of nested values can take. */
const MOST_LEVELS = 32;
const MOST_BYTES = 2 ** 20;

/**
 * The value that a config file holds. Throws a UsageError that names the file when it cannot be read, is not JSON, or
 * gives a key twice, of which JSON.parse would silently take the last.
 */
export async function readConfig(file: string): Promise<unknown> {
  const { parseConfigText } = await import("../config.ts");
  const { parseJsonObject } = await import("../storage/json.ts");
  const text = await readText(file);
  checkNesting(text, file);
  const value = parseConfigText(text, file);
  parseJsonObject(text.replace(/^\uFEFF/, ""), (what) => {
    throw new UsageError(`${file}: ${what}; expected an object whose keys are given once each`);
  });
  return value;
}

async function readText(file: string): Promise<string> {
  try {
    const kind = await stat(file);
    if (!kind.isFile() && !kind.isFIFO() && !kind.isDirectory()) {
      throw new UsageError(`--config: expected a file, got the device or socket "${file}"`);
    }
    if (kind.size > MOST_BYTES && kind.isFile()) {
      throw new UsageError(
        `--config: "${file}" is ${kind.size} bytes long; expected a config of ${MOST_BYTES} at most`,
      );
    }
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { describeProblem } = await import("../storage/problems.node.ts");
    const { reason } = describeProblem(error);
    throw new UsageError(`--config: cannot read "${file}": ${reason}; name a JSON file`, { cause: error });
  }
}

/** Refuses JSON in which brackets are nested deeper than any config's, which would end the readers' stack. */
export function checkNesting(text: string, what: string): void {
  let levels = 0;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[{\]}]/gs)) {
    if (token === "[" || token === "{") levels++;
    else if (token === "]" || token === "}") levels--;
    if (levels > MOST_LEVELS)
      throw new UsageError(`${what}: brackets are nested more than ${MOST_LEVELS} deep, which no config needs`);
  }
}
