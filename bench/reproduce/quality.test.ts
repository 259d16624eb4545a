import { expect, test } from "vitest";
import type { SampleQuality } from "../../src/evaluate/sample-quality.ts";
import { floats } from "../../test/models.ts";
import { differenceOf, halves, settingOf, tQuantile } from "./quality.ts";

/** With the given parts of coverage, one for each image of the reference. */
function quality(...coverage: readonly number[]): SampleQuality {
  const mean = coverage.reduce((total, part) => total + part, 0) / coverage.length;
  const byReference = { coverage: Float64Array.from(coverage), density: new Float64Array(coverage.length) };
  return { density: 0, coverage: mean, precision: 0, recall: 0, byReference };
}

test("halves have the examples by turns, and none twice", () => {
  const rowsOf = (count: number) => {
    const { reference, heldOut } = halves(floats(Array.from({ length: count }, (_, i) => i)));
    return [[...reference.values], [...heldOut.values], reference.count, heldOut.count];
  };
  expect(rowsOf(5)).toEqual([[0, 2, 4], [1, 3], 3, 2]);
  expect(rowsOf(6)).toEqual([[0, 2, 4], [1, 3, 5], 3, 3]);
});

test("a difference is paired by image, and has an error of the images and one of the draws", () => {
  const one = [quality(1, 1, 1, 0), quality(1, 1, 0, 0)];
  const other = [quality(1, 0, 1, 0), quality(1, 0, 0, 0)];
  // In both draws it is the second image alone that is gained: no error of draws.
  const { value, standardError } = differenceOf(one, other, "coverage");
  expect(value).toBeCloseTo(0.25, 12);
  expect(standardError).toBeCloseTo(0.25, 12); // of 0, 1, 0, 0
  // Here each image gains one half on average, in either of two draws: no error of images.
  const drawn = differenceOf([quality(1, 1), quality(0, 0)], [quality(0, 0), quality(0, 0)], "coverage");
  expect(drawn).toEqual({ value: 0.5, standardError: 0.5 });
});

test("quantiles of Student's t are those of the tables", () => {
  const table = [
    [1, 12.7062],
    [2, 4.30265],
    [3, 3.18245],
    [4, 2.77645],
    [5, 2.57058],
    [10, 2.22814],
    [29, 2.04523],
    [5000, 1.96044],
  ] as const;
  for (const [freedom, quantile] of table) expect(tQuantile(freedom) / quantile).toBeCloseTo(1, 5);
});

test("figures say how many images they compare, and with how many neighbours", () => {
  expect(settingOf(5000, 487)).toBe("N = 5,000 real, M = 487, k = 5");
});
