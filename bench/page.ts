import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bar, barFor, reaches } from "./bars.ts";
import { curvesChart, ratioChart } from "./chart.ts";
import { describeMachine } from "./machine.ts";
import { type BenchRecord, type Figure, figuresOf, ratiosOf, readRecords } from "./records.ts";

const PICTURE = "speed-ratios.svg";
const pictureOf = ({ case: name }: BenchRecord): string => `speed-${name}.svg`;

/** Writes speed.md and its plots to a folder, from the results of another one. Returns the page's file. */
export async function writePage(results: string, folder: string, order: readonly string[]): Promise<string> {
  const records = await readRecords(results, order);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, PICTURE), await ratioChart(records.flatMap(ratiosOf)));
  for (const record of records)
    if (record.curves) await writeFile(join(folder, pictureOf(record)), await curvesChart(record.case, record.curves));
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
    "1 we are faster, or smaller; of `cli` it is a share. Figures with a unit, and exponents, are no ratios. An interval is",
    "the 95 % interval of the median.",
    "",
    `![Each ratio with its interval, its bar and what would be better still](${PICTURE})`,
    "",
    "Points are medians, lines intervals; the thick tick is the bar, the thin one what would be better still.",
    "",
    "| case | figure | median | interval | bar | met |",
    "|---|---|---:|---|---|---|",
    ...records.flatMap(figuresOf).map(figureRow),
    "",
    ...records.flatMap(caseSection),
  ].join("\n");
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

function figureRow(figure: Figure): string {
  const { case: name, name: other, median, low, high, unit } = figure;
  const bar = barFor(name, other);
  const cells = [
    name,
    other === "floorShare" ? "share of the floor" : other,
    unit ? `${short(median)} ${unit}` : short(median),
    Number.isNaN(low) ? "" : `${short(low)} to ${short(high)}`,
    bar ? barText(bar, figure) : "",
    bar ? (reaches(bar, figure) ? "yes" : "**no**") : "",
  ];
  return `| ${cells.join(" | ")} |`;
}

function barText({ atLeast, atMost, aboveExpected, stretch, intervalAbove }: Bar, { unit, expected }: Figure): string {
  const parts = [
    ...(atLeast === undefined ? [] : [`≥ ${short(atLeast)}`]),
    ...(atMost === undefined ? [] : [`≤ ${short(atMost)}${unit ? ` ${unit}` : ""}`]),
    ...(aboveExpected === undefined || expected === undefined
      ? []
      : [`≤ ${short(expected)} + ${short(aboveExpected)}`]),
    ...(intervalAbove === undefined ? [] : [`interval above ${intervalAbove}`]),
  ];
  return `${parts.join(", ")}${stretch === undefined ? "" : ` (${stretch})`}`;
}

function caseSection(record: BenchRecord): string[] {
  const { case: name, unit, results, pairs, about, commit, date, machine } = record;
  return [
    `## ${name}`,
    "",
    ...plotsOf(record),
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

function plotsOf(record: BenchRecord): string[] {
  if (!record.curves) return [];
  const names = record.curves.map(({ name }) => name).join(", ");
  return [
    `![Times against ${names}, beside what the arithmetic says](${pictureOf(record)})`,
    "",
    "Points are medians, lines from the least to the most; the dashed line is what the operations would take at the rate of",
    "the largest size.",
    "",
  ];
}

const cell = (value: string | number): string =>
  typeof value === "number" ? short(value) : value.replaceAll("|", "\\|");
