import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type TestContext, test } from "vitest";

/** Where real data lies that the repository does not hold: beside it. */
function wanted(path: string): string {
  return fileURLToPath(new URL(`../../shared/data/${path}`, import.meta.url));
}

/** The path of a file or folder of the shared data, such as "mnist"; undefined when it is not there. */
export function sharedData(path: string): string | undefined {
  return existsSync(wanted(path)) ? wanted(path) : undefined;
}

/** A test on real data: `run` gets the path of `path`. Where that is missing the test is skipped, and says so. */
export function testWithData(
  name: string,
  path: string,
  run: (path: string, context: TestContext) => void | Promise<void>,
  timeout = 60_000,
): void {
  const found = sharedData(path);
  if (found === undefined) console.warn(`skipped: ${name}: no ../shared/data/${path} (looked for ${wanted(path)})`);
  test.skipIf(found === undefined)(name, { timeout }, (context) => run(found ?? "", context));
}
