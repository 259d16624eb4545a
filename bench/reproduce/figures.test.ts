import { expect, test } from "vitest";
import type { ModelScores } from "../../src/evaluate/evaluate.ts";
import { comparisonFigures } from "./comparison.ts";
import { meanFigure, pairedFigure } from "./figures.ts";

const scoresOf = (negElboNats: readonly number[], nllNats: readonly number[]): ModelScores => ({
  data: "digits",
  split: "test",
  index: Uint32Array.from(negElboNats, (_, i) => i),
  measure: "probability",
  binarization: "dynamic",
  seed: 0,
  samples: 5000,
  negElboNats: Float64Array.from(negElboNats),
  distortionNats: Float64Array.from(negElboNats),
  rateNats: new Float64Array(negElboNats.length),
  nllNats: Float64Array.from(nllNats),
});
const first = scoresOf([12, 32, 52, 72], [10, 30, 50, 70]);
const other = scoresOf([11, 30, 51, 70], [9, 28, 49, 68]);

test("a paired difference has the error of the differences, not of the means", () => {
  // 1, 2, 1, 2: mean 1.5, s² = 4·0.25/3, error √(s²/4)
  const { name, value, standardError, unit } = pairedFigure("a less b", first, other, "nllNats");
  expect([name, unit]).toEqual(["a less b, 4 images, 5,000 samples", "nats"]);
  expect(value).toBeCloseTo(1.5, 12);
  expect(standardError).toBeCloseTo(Math.sqrt(1 / 12), 12);
  expect(meanFigure("a", first, "nllNats").standardError).toBeGreaterThan(40 * standardError!);
  expect(pairedFigure("b less a", other, first, "nllNats").value).toBeCloseTo(-1.5, 12);
  expect(meanFigure("a", first, "negElboNats")).toMatchObject({ name: "a, 4 images, 1 sample", value: 42 });
});

test.each([
  ["data", { data: "letters" }],
  ["split", { split: "train" }],
  ["measure", { measure: "density" }],
  ["binarization", { binarization: "static" }],
  ["seed", { seed: 1 }],
  ["samples", { samples: 50 }],
] as const)("scores that differ in %s are not paired", (key, change) => {
  expect(() => pairedFigure("a less b", first, { ...other, ...change }, "nllNats")).toThrow(
    `a less b: expected scores with the same ${key}, got ${first[key]} and ${Object.values(change)[0]}`,
  );
});

test("scores of other examples are not paired, and what was not scored is missed", () => {
  const moved = { ...other, index: Uint32Array.of(0, 1, 2, 4) };
  expect(() => pairedFigure("a less b", first, moved, "nllNats")).toThrow("the same examples");
  const fewer = { ...other, index: Uint32Array.of(0, 1, 2) };
  expect(() => pairedFigure("a less b", first, fewer, "nllNats")).toThrow("the same examples");
  const { nllNats: _, ...bound } = first;
  expect(() => meanFigure("a", bound, "nllNats")).toThrow("nllNats: was not scored");
});

test("a comparison gives the differences from the first run, each with its bar, and what they are of", () => {
  const runs = ["vae", "iwae", "more"].map((run) => {
    const scores = run === "vae" ? first : other;
    return { run, bound: scores, likelihood: scores };
  });
  const bar = { op: ">=", limit: 0.8 } as const;
  const figures = comparisonFigures("test", runs, { iwae: { bar, published: 1.22 } });
  expect(figures.map(({ name, value, bar, published }) => [name.split(",")[0], value, bar, published])).toEqual([
    ["vae less iwae: test −log p(x)", 1.5, bar, 1.22],
    ["vae less more: test −log p(x)", 1.5, null, null],
    ["vae: test −log p(x)", 40, null, null],
    ["iwae: test −log p(x)", 38.5, null, null],
    ["more: test −log p(x)", 38.5, null, null],
    ["vae less iwae: test −ELBO", 1.5, null, null],
    ["vae less more: test −ELBO", 1.5, null, null],
    ["vae: test −ELBO", 42, null, null],
    ["iwae: test −ELBO", 40.5, null, null],
    ["more: test −ELBO", 40.5, null, null],
  ]);
});
