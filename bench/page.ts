import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bar, barFor, reaches } from "./bars.ts";
import { ratioChart } from "./chart.ts";
import { describeMachine } from "./machine.ts";
import { type BenchRecord, type Figure, ratiosOf, readRecords } from "./records.ts";

const PICTURE = "speed-ratios.svg";

/** Writes speed.md and its plot to a folder, from the results of another one. Returns the page's file. */
export async function writePage(results: string, folder: string, order: readonly string[]): Promise<string> {
  const records = await readRecords(results, order);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, PICTURE), await ratioChart(records.flatMap(ratiosOf)));
  const page = join(folder, "speed.md");
  await writeFile(page, speedPage(records));
  return page;
}

/** The page of all results. */
export function speedPage(records: readonly BenchRecord[]): string {
  return [
    "# Speed",
    "",
    "Written by `npm run bench`, from bench/results. A ratio is the other's time, or memory, over ours, pair by pair: above",
    "1 we are faster, or smaller; of `cli` it is a share. Its interval is the 95 % interval of the median.",
    "",
    `![Each ratio with its interval, its bar and what would be better still](${PICTURE})`,
    "",
    "Points are medians, lines intervals; the thick tick is the bar, the thin one what would be better still.",
    "",
    "| case | figure | median | interval | bar | met |",
    "|---|---|---:|---|---|---|",
    ...records.flatMap((record) => [...ratiosOf(record), ...floorOf(record)]).map(figureRow),
    "",
    ...records.flatMap(caseSection),
  ].join("\n");
}

/** The share of the floor as a figure; its interval is not computed. */
function floorOf({ case: name, floorShare }: BenchRecord): Figure[] {
  if (floorShare === undefined) return [];
  return [{ case: name, name: "floorShare", median: floorShare, low: Number.NaN, high: Number.NaN }];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

function figureRow(figure: Figure): string {
  const { case: name, name: other, median, low, high } = figure;
  const bar = barFor(name, other);
  const cells = [
    name,
    other === "floorShare" ? "share of the floor" : other,
    short(median),
    Number.isNaN(low) ? "" : `${short(low)} to ${short(high)}`,
    bar ? barText(bar) : "",
    bar ? (reaches(bar, figure) ? "yes" : "**no**") : "",
  ];
  return `| ${cells.join(" | ")} |`;
}

function barText({ atLeast, stretch, intervalAbove }: Bar): string {
  const interval = intervalAbove === undefined ? "" : `, interval above ${intervalAbove}`;
  return `≥ ${short(atLeast)}${interval}${stretch === undefined ? "" : ` (${stretch})`}`;
}

function caseSection({ case: name, unit, results, pairs, about, commit, date, machine }: BenchRecord): string[] {
  return [
    `## ${name}`,
    "",
    `| ${unit} | median | least | most |`,
    "|---|---:|---:|---:|",
    ...Object.entries(results).map(
      ([who, { median, min, max }]) => `| ${who} | ${short(median)} | ${short(min)} | ${short(max)} |`,
    ),
    "",
    "| | |",
    "|---|---|",
    ...Object.entries({ pairs, ...about }).map(([key, value]) => `| ${key} | ${cell(value)} |`),
    `| commit | \`${commit}\` |`,
    `| date | ${date} |`,
    `| machine | ${describeMachine(machine)} |`,
    "",
  ];
}

const cell = (value: string | number): string =>
  typeof value === "number" ? short(value) : value.replaceAll("|", "\\|");
