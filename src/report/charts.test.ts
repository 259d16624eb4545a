import { expect, test } from "vitest";
import { klByDimension, metrics, scatter } from "../../test/fixtures/report-input.ts";
import { negElboConfig } from "../config.objective.ts";
import { drawCharts } from "./charts.ts";
import { curveChart, readableDomain } from "./curves.ts";
import type { ReportInput } from "./input.ts";
import { klChart, scatterChart } from "./latent-charts.ts";
import { CATEGORIES } from "./theme.ts";

const SIZE = { width: 300, height: 200, legend: true };

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

/** The texts drawn in the chart. */
function texts(svg: string): string[] {
  return Array.from(svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g), (match) => match[1] ?? "");
}

test("a domain spans all values where they can be read together", () => {
  const [bottom, top] = readableDomain([10, 11, 12, 13, 14, 15]);
  expect([bottom, top]).toEqual([expect.closeTo(9.7), expect.closeTo(15.3)]);
});

test("a huge first epoch is cut, and the rest fills the frame", () => {
  const values = metrics(60).map((row) => row.train.negElboNats);
  const [bottom, top] = readableDomain(values);
  expect(top).toBeLessThan(120);
  expect(bottom).toBeLessThan(Math.min(...values));
  expect(bottom).toBeGreaterThan(80); // not from zero
});

test("a rate that rises from little is shown whole", () => {
  const values = metrics(60).map((row) => row.train.rateNats);
  expect(readableDomain(values)[0]).toBeLessThan(Math.min(...values));
});

test("a huge first epoch is cut from a short run too", () => {
  const values = metrics(8).flatMap((row) => [row.train.negElboNats, row.validation?.negElboNats ?? 0]);
  expect(readableDomain(values)[1]).toBeLessThan(150);
});

test.each([[[]], [[5]], [[5, 5, 5]], [[Number.NaN, 5]], [[0, 0]], [[-3, -3]]])(
  "the domain of %j is not empty",
  (values) => {
    const [bottom, top] = readableDomain(values);
    expect(bottom).toBeLessThan(top);
    expect(Number.isFinite(bottom) && Number.isFinite(top)).toBe(true);
  },
);

test("curves: training and validation, the best epoch named, what is cut said", async () => {
  const { svg, note } = await curveChart({ metrics: metrics(60) }, "negElboNats", "−ELBO", SIZE);
  expect(texts(svg)).toEqual(expect.arrayContaining(["training", "validation", "epoch", "nats"]));
  expect(texts(svg)).toContainEqual(expect.stringMatching(/^best validation 90\.\d at epoch 57$/));
  expect(note).toMatch(/^Outside the frame: 105\.4 to 461\.1 nats\.$/);
});

test("curves: the epoch that is marked is the one whose weights were kept, by the objective that there was", async () => {
  const terms = (negElboNats: number, rateNats: number, negIwaeNats: number) => {
    return { negElboNats, distortionNats: negElboNats - rateNats, rateNats, negIwaeNats };
  };
  const rows = [terms(100, 10, 98), terms(99, 20, 95), terms(99.5, 15, 94)];
  const input = { metrics: rows.map((row, k) => ({ epoch: k + 1, step: k, seconds: k, train: row, validation: row })) };
  const marked = async (objective?: ReportInput["objective"]) => {
    const { curves } = await drawCharts({ run: { name: "r" }, data: { name: "d", event: [2] }, ...input, objective });
    return [curves[0]!.title, texts(curves[0]!.svg).find((text) => text.includes("at epoch"))];
  };
  expect(await marked()).toEqual(["−ELBO", "best validation 99.0 at epoch 2"]);
  expect(await marked({ kind: "iwae", samples: 3, gradient: "dreg" })).toEqual([
    "−IWAE bound",
    "best validation 94.0 at epoch 3",
  ]);
  expect(await marked({ ...negElboConfig, beta: 4 })).toEqual(["−ELBO", "weights kept: 100.0 at epoch 1"]);
});

test("curves without validation, of one epoch, and with values that are not finite are drawn", async () => {
  const alone = metrics(1).map(({ validation: _, ...row }) => row);
  const { svg } = await curveChart({ metrics: alone }, "negElboNats", "−ELBO", SIZE);
  expect(texts(svg)).not.toContain("validation");
  const broken = metrics(12).map((row, k) =>
    k === 5 ? { ...row, train: { ...row.train, rateNats: Number.NaN } } : row,
  );
  const chart = await curveChart({ metrics: broken }, "rateNats", "Rate", SIZE);
  expect(chart.note).toContain("Not finite: 1 of 24 values.");
  expect(chart.svg).not.toContain("NaN");
});

test("a term that validation does not take, such as a discriminator's loss, is no broken number", async () => {
  const taken = metrics(12).map((row) => ({ ...row, train: { ...row.train, discriminatorNats: 0.7 } }));
  const { svg, note } = await curveChart({ metrics: taken }, "discriminatorNats", "Loss", { ...SIZE, legend: true });
  expect(note).toBeUndefined();
  expect(texts(svg)).not.toContain("validation");
});

test("KL: one bar for each dimension, active ones coloured and counted", async () => {
  const { svg } = await klChart(klByDimension(27));
  expect(count(svg, /fill="var\(--accent[^"]*"/g)).toBe(27);
  expect(count(svg, /fill="var\(--inactive[^"]*"/g)).toBe(23);
  expect(texts(svg)).toEqual(expect.arrayContaining(["27 of 50 active", "– – active above 0.01 nats"]));
});

test("KL: the words lie above the highest bar, also where all bars are high", async () => {
  const { svg } = await klChart(new Float32Array(10).fill(3));
  const words = Array.from(
    svg.matchAll(/<text[^>]* transform="translate\([\d.]+,(-?[\d.]+)\)"[^>]*>([^<]*active[^<]*)</g),
  );
  expect(words.map(([, , text]) => text)).toEqual(["– – active above 0.01 nats", "10 of 10 active"]);
  for (const [, y] of words) expect(Number(y)).toBeLessThan(0); // of the frame, which holds the bars
});

test("KL: each bar has its dimension's number, as long as there is room", async () => {
  const { svg } = await klChart(Float32Array.from({ length: 50 }, (_, dimension) => (dimension * 7) % 50));
  const numbers = texts(svg).filter((text) => /^\d+$/.test(text));
  const order = Array.from({ length: 50 }, (_, rank) => String(((49 - rank) * 43) % 50)); // 7 · 43 = 1 modulo 50
  expect(numbers.slice(0, 50)).toEqual(order);
  expect(texts(svg)).toContain("latent dimension, greatest KL first");
  const many = await klChart(new Float32Array(51).fill(1));
  expect(texts(many.svg)).toContain("latent dimensions, by KL");
});

test("KL bars descend from the greatest", async () => {
  const { svg } = await klChart(Float32Array.of(1, 3, 2));
  const tops = Array.from(svg.matchAll(/<path d="[^"]*" fill="var\(--accent/g), (match) =>
    Math.min(...Array.from(match[0].matchAll(/[\d.]+,([\d.]+)/g), (pair) => Number(pair[1]))),
  );
  expect(tops).toHaveLength(3);
  expect(tops).toEqual([...tops].sort((a, b) => a - b));
});

test("scatter: at most 5,000 points, each in its label's colour, and a legend", async () => {
  const { svg, note } = await scatterChart(scatter(6000));
  const legend = CATEGORIES.length;
  const coloured = CATEGORIES.reduce((sum, colour) => sum + count(svg, new RegExp(`fill="${colour}"`, "g")), 0);
  expect(coloured).toBe(5000 + legend);
  expect(note).toBe("5,000 of 6,000 points are drawn.");
  expect(texts(svg)).toEqual(expect.arrayContaining(["0", "9", "first principal component (14 % of variance)"]));
});

test("scatter: named labels, escaped; beyond ten labels the rarest are other; none needed", async () => {
  const points = Float32Array.from({ length: 26 }, (_, k) => k);
  const labels = [0, 101, 102, 103, 104, 105, 106, 107, 108, 109, 109, 108, 110];
  const named = await scatterChart({ points, labels, labelNames: ["<b>&"] });
  expect(texts(named.svg)).toEqual(expect.arrayContaining(["&lt;b&gt;&amp;", "101", "109", "other"]));
  expect(texts(named.svg)).not.toContain("110");
  const plain = await scatterChart({ points });
  expect(texts(plain.svg)).not.toContain("101");
  expect(count(plain.svg, /fill="var\(--accent/g)).toBe(13);
});

test("charts of one report share no ids, load nothing, and have no size of their own", async () => {
  const input = { run: { name: "r" }, data: { name: "d", event: [2] }, metrics: metrics(30) };
  const charts = await drawCharts({ ...input, klByDimension: klByDimension(), scatter: scatter(50) });
  const svgs = [...charts.curves, charts.kl, charts.scatter].map((chart) => chart?.svg ?? "");
  expect(svgs).toHaveLength(5);
  const ids = svgs.flatMap((svg) => Array.from(svg.matchAll(/\bid="([^"]+)"/g), (match) => match[1]));
  expect(ids.length).toBeGreaterThan(0);
  expect(new Set(ids).size).toBe(ids.length);
  for (const svg of svgs) {
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+">/);
    expect(svg).not.toMatch(/^<svg [^>]* width=/);
    expect(svg).not.toMatch(/href=|<image|<script|@import|url\((?!#)/);
    for (const [, target] of svg.matchAll(/url\(#([^)]+)\)/g)) expect(svg).toContain(`id="${target}"`);
  }
  const again = await drawCharts({ ...input, klByDimension: klByDimension(), scatter: scatter(50) });
  expect(again).toEqual(charts); // ids do not count up with the process
});

test("no charts without data", async () => {
  expect(await drawCharts({ run: { name: "r" }, data: { name: "d", event: [2] }, metrics: [] })).toEqual({
    curves: [],
  });
});
