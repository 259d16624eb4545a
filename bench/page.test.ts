import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bars, reaches } from "./bars.ts";
import { cases } from "./cases.ts";
import { speedPage, writePage } from "./page.ts";
import type { BenchRecord } from "./records.ts";

const folder = mkdtempSync(join(tmpdir(), "vaekit-page-"));
afterAll(() => rmSync(folder, { recursive: true }));

const record: BenchRecord = {
  case: "dense",
  unit: "ms/step",
  results: { vaekit: { median: 4.1234, min: 4, max: 5 }, pytorch: { median: 7, min: 6, max: 8 } },
  ratios: { pytorch: { median: 1.75, low: 1.4, high: 1.9 }, tfjs: { median: 6.5, low: 6, high: 7 } },
  floorShare: 0.66,
  pairs: 20,
  about: { pytorchSetting: "a | b", lossDifference: 1.23456e-7 },
  commit: "abc",
  date: "2024-01-02",
  machine: { cpu: "cpu", cores: 2, memoryGiB: 8, os: "os", node: "20", onnxruntime: "1" },
};
const { floorShare: _, ...plain } = record;

test("the page has each figure with its interval and bar, and what it was taken with", () => {
  const page = speedPage([record]);
  expect(page).toContain("| dense | pytorch | 1.75 | 1.4 to 1.9 | ≥ 1.7, interval above 1.5 (2) | **no** |");
  expect(page).toContain("| dense | tfjs | 6.5 | 6 to 7 | ≥ 6 | yes |");
  expect(page).toContain("| dense | share of the floor | 0.66 |  | ≥ 0.65 (0.8) | yes |");
  expect(page).toContain("| vaekit | 4.12 | 4 | 5 |");
  expect(page).toContain("| pytorchSetting | a \\| b |");
  expect(page).toContain("| commit | `abc` |");
  expect(speedPage([plain])).not.toContain("share of the floor");
});

const { ratios: __, ...timed } = plain;
const limited: BenchRecord = {
  ...{ ...timed, case: "start", ratios: {} },
  figures: {
    "first step": { value: 1.6123, low: 1.5, high: 1.7, unit: "s" },
    compile: { value: 2, unit: "s" },
    other: { value: 7, unit: "" },
  },
};
const points = [1, 2, 4].map((size) => ({ size, flops: 10 * size, median: 2 * size, min: size, max: 3 * size }));
const curved: BenchRecord = {
  ...{ ...timed, case: "scaling", ratios: {} },
  figures: {
    "exponent of batch": { value: 0.9, low: 0.8, high: 1, unit: "", expected: 1 },
    "exponent of width": { value: 1.3, unit: "", expected: 1.1 },
  },
  curves: [{ name: "batch", axis: "examples in a batch", unit: "ms/step", points }],
};

test("figures that are no ratios have their units, limits and what is expected", () => {
  const page = speedPage([limited, curved]);
  expect(page).toContain("| start | first step | 1.61 s | 1.5 to 1.7 | ≤ 1.5 s | **no** |");
  expect(page).toContain("| start | compile | 2 s |  | ≤ 3 s | yes |");
  expect(page).toContain("| start | other | 7 |  |  |  |");
  expect(page).toContain("| scaling | exponent of batch | 0.9 | 0.8 to 1 | ≤ 1 + 0.1 | yes |");
  expect(page).toContain("| scaling | exponent of width | 1.3 |  | ≤ 1.1 + 0.1 | **no** |");
  expect(page).toContain("(speed-scaling.svg)");
  expect(page).not.toContain("speed-start.svg");
});

test("a bar is for the median, and where it says so for the interval", () => {
  const [first] = bars;
  expect(first).toMatchObject({ case: "dense", figure: "pytorch" });
  expect(reaches(first!, { median: 1.7, low: 1.51 })).toBe(true);
  expect(reaches(first!, { median: 1.69, low: 1.6 })).toBe(false);
  expect(reaches(first!, { median: 1.8, low: 1.5 })).toBe(false);
});

test("a bar may be a most, or beside what is expected", () => {
  const one = { case: "some", figure: "figure" };
  const at = (median: number, expected?: number) => ({ median, low: Number.NaN, expected });
  expect([2.9, 3, 3.1].map((value) => reaches({ ...one, atMost: 3 }, at(value)))).toEqual([true, true, false]);
  const near = { ...one, aboveExpected: 0.25 };
  expect([0.7, 1.25, 1.3].map((value) => reaches(near, at(value, 1)))).toEqual([true, true, false]);
  expect(reaches(near, at(1))).toBe(false); // nothing to compare with
});

test("results become a page and a plot, in the order of the cases", async () => {
  const results = join(folder, "results");
  mkdirSync(results);
  const save = (name: string) =>
    writeFileSync(join(results, `${name}.json`), JSON.stringify({ ...record, case: name }));
  for (const name of ["conv28", "dense", "unheard-of"]) save(name);
  writeFileSync(join(results, "scaling.json"), JSON.stringify(curved));
  const page = await writePage(results, join(folder, "docs"), ["dense", "conv28", "scaling"]);
  const sections = [...readFileSync(page, "utf8").matchAll(/^## (.*)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(["dense", "conv28", "scaling", "unheard-of"]);
  const svg = readFileSync(join(folder, "docs", "speed-ratios.svg"), "utf8");
  expect(svg).toMatch(/^<svg/);
  expect(svg).toContain("dense: pytorch");
  expect(svg).not.toContain("var(--");
  expect(svg).not.toContain("NaN");
  const curves = readFileSync(join(folder, "docs", "speed-scaling.svg"), "utf8");
  expect(curves).toMatch(/^<svg/);
  for (const text of ["batch", "examples in a batch", "ms/step"]) expect(curves).toContain(`>${text}<`);
  expect(curves).not.toMatch(/NaN|var\(--/);
});

test("each bar is of a case that is measured", () => {
  const names = cases.map(({ name }) => name);
  for (const bar of bars) expect(names).toContain(bar.case);
});
