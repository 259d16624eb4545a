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

test("a bar is for the median, and where it says so for the interval", () => {
  const [first] = bars;
  expect(first).toMatchObject({ case: "dense", figure: "pytorch" });
  expect(reaches(first!, { median: 1.7, low: 1.51 })).toBe(true);
  expect(reaches(first!, { median: 1.69, low: 1.6 })).toBe(false);
  expect(reaches(first!, { median: 1.8, low: 1.5 })).toBe(false);
});

test("results become a page and a plot, in the order of the cases", async () => {
  const results = join(folder, "results");
  mkdirSync(results);
  const save = (name: string) =>
    writeFileSync(join(results, `${name}.json`), JSON.stringify({ ...record, case: name }));
  for (const name of ["conv28", "dense", "unheard-of"]) save(name);
  const page = await writePage(results, join(folder, "docs"), ["dense", "conv28"]);
  const sections = [...readFileSync(page, "utf8").matchAll(/^## (.*)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(["dense", "conv28", "unheard-of"]);
  const svg = readFileSync(join(folder, "docs", "speed-ratios.svg"), "utf8");
  expect(svg).toMatch(/^<svg/);
  expect(svg).toContain("dense: pytorch");
  expect(svg).not.toContain("var(--");
  expect(svg).not.toContain("NaN");
});

test("each bar is of a case that is measured", () => {
  const names = cases.map(({ name }) => name);
  for (const bar of bars) if (bar.case !== "browser") expect(names).toContain(bar.case);
});
