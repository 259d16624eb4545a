// `npm run bench -- CASE`: measures, prints a table or with --json one object, and writes bench/results/CASE.json.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { UsageError, VaekitError } from "../src/errors.ts";
import type { CaseResult } from "./case.ts";
import { cases } from "./cases.ts";
import { treeState } from "./git.ts";
import { describeMachine, thisMachine } from "./machine.ts";
import { writePage } from "./page.ts";

const RESULTS = "bench/results";
const PAGE = "docs/results";
/** Not a case: measures nothing. */
const DRAW = "plots";

const USAGE = `npm run bench -- CASE [options]    measures, writes ${RESULTS}/CASE.json, and draws ${PAGE}/speed.md anew

${cases.map(({ name, about }) => `  ${name.padEnd(11)} ${about}`).join("\n")}
  ${DRAW.padEnd(11)} measures nothing: draws the page anew

  --pairs N      pairs of blocks, ours and theirs in turn (default: each case's own)
  --length N     steps or epochs of a block
  --threads N    threads of ours (default: one a core)
  --out DIR      where the result is written (default: ${RESULTS}); elsewhere no page is drawn
  --json         one JSON object on standard output`;

try {
  await main();
} catch (error) {
  if (error instanceof VaekitError) console.error(`error: ${error.message}`);
  else console.error(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  const [name] = positionals;
  if (values.help || name === undefined) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (name === DRAW && positionals.length === 1) return draw(values.out);
  const found = cases.find((entry) => entry.name === name);
  const known = [...cases.map((entry) => entry.name), DRAW].join(", ");
  if (!found || positionals.length > 1) throw new UsageError(`expected one of ${known}, got ${positionals.join(" ")}`);
  const { commit } = treeState();
  const result = await found.run({
    pairs: countOf("--pairs", values.pairs),
    length: countOf("--length", values.length),
    threads: countOf("--threads", values.threads),
    note: (line) => console.error(line),
  });
  const machine = thisMachine();
  const date = new Date().toISOString().slice(0, 10);
  await mkdir(values.out, { recursive: true });
  const file = join(values.out, `${name}.json`);
  await writeFile(file, `${JSON.stringify({ ...result, commit, date, machine }, null, 2)}\n`);
  console.error(`Written: ${file}`);
  if (values.out === RESULTS) await draw(RESULTS);
  console.log(values.json ? JSON.stringify(result) : table(result, describeMachine(machine)));
}

async function draw(results: string): Promise<void> {
  const order = cases.map(({ name }) => name);
  console.error(`Written: ${await writePage(results, PAGE, order)}`);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        pairs: { type: "string" },
        length: { type: "string" },
        threads: { type: "string" },
        out: { type: "string", default: RESULTS },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}

function countOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`${flag}: expected a positive integer, got "${text}"`);
  return Number(text);
}

function table({ unit, results, ratios, figures = {}, floorShare, pairs, about }: CaseResult, machine: string): string {
  const digits = (value: number) => value.toPrecision(4);
  const width = Math.max(...Object.keys(results).map((who) => who.length), 10);
  return [
    `${"".padEnd(width)}  ${[`median ${unit}`, "min", "max"].map((head) => head.padStart(16)).join("")}`,
    ...Object.entries(results).map(
      ([who, { median, min, max }]) =>
        `${who.padEnd(width)}  ${[median, min, max].map((value) => digits(value).padStart(16)).join("")}`,
    ),
    "",
    ...Object.entries(ratios).map(
      ([who, { median, low, high }]) =>
        `against ${who}: ${digits(median)} (95 % interval ${digits(low)} to ${digits(high)}, ${pairs} pairs)`,
    ),
    ...Object.entries(figures).map(([name, { value, low, high, unit: of, expected }]) =>
      [
        `${name}: ${digits(value)}${of && ` ${of}`}`,
        ...(low === undefined || high === undefined ? [] : [`95 % interval ${digits(low)} to ${digits(high)}`]),
        ...(expected === undefined ? [] : [`expected ${digits(expected)}`]),
      ].join(", "),
    ),
    ...(floorShare === undefined ? [] : [`share of the floor: ${digits(floorShare)}`]),
    ...Object.entries(about).map(([key, value]) => `${key}: ${value}`),
    `machine: ${machine}`,
  ].join("\n");
}
