// @ts-check
// `npm test`: set-up, build, every check and every test, each run even when one before it failed.
// `npm test -- FILTER ...` runs only the tests whose path holds a filter.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, install, node, run, tool } from "./steps.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/** A check passes or fails as one. */
const checks = /** @type {const} */ ([
  ["build", build],
  ["biome", () => tool("@biomejs/biome", "check", "--error-on-warnings", ".")],
  ["types", () => tool("typescript", "--noEmit", "-p", ".")],
  ["layers", () => node("scripts/check-layers.mjs")],
  ["knip", () => tool("knip", "--no-progress")],
  ["publint", () => tool("publint", "--strict")],
]);

const filters = process.argv.slice(2);
/** @type {Count} */
const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const summary = [];

if (await stage("set-up", check(install))) {
  if (process.env.CI === "true" && !process.env["VAEKIT_CHROMIUM"]) {
    await run("bash", ["scripts/install-chromium.sh"]); // the browser tests fail where this did not help
  }
  for (const [name, step] of checks) {
    if (filters.length === 0 || name === "build") await stage(name, check(step));
  }
  await stage("vitest", vitest);
}

console.log(`\n${summary.join("\n")}\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;

/**
 * Runs one stage and counts it.
 * @param {string} name
 * @param {() => Promise<Count>} step
 * @returns {Promise<boolean>} whether nothing failed
 */
async function stage(name, step) {
  console.log(`\n── ${name}`);
  const started = Date.now();
  let count = { passed: 0, failed: 1, skipped: 0 };
  try {
    count = await step();
  } catch (error) {
    console.error(error);
  }
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const line = `${name.padEnd(8)} ${(count.failed > 0 ? "failed" : "passed").padEnd(7)} ${seconds.padStart(6)} s`;
  console.log(line);
  summary.push(line);
  return count.failed === 0;
}

/**
 * @param {() => Promise<number>} step that returns an exit code
 * @returns {() => Promise<Count>}
 */
function check(step) {
  return async () =>
    (await step()) === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

/** @returns {Promise<Count>} */
async function vitest() {
  const folder = mkdtempSync(join(tmpdir(), "vaekit-test-"));
  try {
    const file = join(folder, "vitest.json");
    const code = await tool(
      "vitest",
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
      ...filters,
    );
    return countOf(JSON.parse(readFileSync(file, "utf8")), code);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What vitest's JSON report holds. A file that did not load has no tests, and counts as one that failed; so does an
 * exit code that no failed test explains (an error outside of the tests).
 * @param {any} report
 * @param {number} code
 * @returns {Count}
 */
function countOf(report, code) {
  const broken = report.testResults.filter(
    (/** @type {any} */ file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
