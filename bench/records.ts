import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CaseResult } from "./case.ts";
import type { Machine } from "./machine.ts";

/** bench/results/CASE.json: a result, and what it was taken with. */
export interface BenchRecord extends CaseResult {
  readonly commit: string;
  /** YYYY-MM-DD */
  readonly date: string;
  readonly machine: Machine;
}

/** The records of a folder, in the order of the given cases; those of other cases come last. */
export async function readRecords(folder: string, order: readonly string[]): Promise<BenchRecord[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const records = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(join(folder, file), "utf8")) as BenchRecord),
  );
  const place = ({ case: name }: BenchRecord) => (order.includes(name) ? order.indexOf(name) : order.length);
  return records.sort((a, b) => place(a) - place(b));
}

/** A ratio, share or other number of a case. */
export interface Figure {
  readonly case: string;
  readonly name: string;
  readonly median: number;
  /** NaN, as `high`, where there is no interval. */
  readonly low: number;
  readonly high: number;
  readonly unit?: string | undefined;
  readonly expected?: number | undefined;
}

/** All ratios of a record. */
export function ratiosOf({ case: name, ratios }: BenchRecord): Figure[] {
  return Object.entries(ratios).map(([other, interval]) => ({ case: name, name: other, ...interval }));
}

/** All numbers of a record that have, or might have, a bar. */
export function figuresOf(record: BenchRecord): Figure[] {
  const { case: name, figures = {}, floorShare } = record;
  const without = { low: Number.NaN, high: Number.NaN };
  return [
    ...ratiosOf(record),
    ...(floorShare === undefined ? [] : [{ case: name, name: "floorShare", median: floorShare, ...without }]),
    ...Object.entries(figures).map(([figure, { value, ...more }]) => ({
      ...{ case: name, name: figure, median: value, ...without },
      ...more,
    })),
  ];
}
