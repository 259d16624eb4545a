import * as fc from "fast-check";
import { expect, test } from "vitest";
import { NumericalError, ShapeError } from "../errors.ts";
import { principalPlane } from "./pca.ts";

/** Deterministic standard normals, good enough to make data. */
function normals(count: number, seed = 1): Float64Array {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(6.283185307 * uniform()),
  );
}

test("points on a line lie on the first component alone", () => {
  const { points, explained } = principalPlane(Float32Array.of(0, 0, 3, 4, 6, 8), 2); // direction (3, 4)/5
  expect(Array.from(points)).toEqual([
    expect.closeTo(-5),
    expect.closeTo(0),
    expect.closeTo(0),
    expect.closeTo(0),
    expect.closeTo(5),
    expect.closeTo(0),
  ]);
  expect(explained[0]).toBeCloseTo(1, 10);
  expect(explained[1]).toBeCloseTo(0, 10);
});

test("an axis-aligned box: components are the axes by their variance", () => {
  const box = Float32Array.of(1, 3, 2, -1, 3, 2, 1, -3, 2, -1, -3, 2); // variances 1, 9, 0
  const { points, explained } = principalPlane(box, 3);
  expect(explained[0]).toBeCloseTo(0.9, 10);
  expect(explained[1]).toBeCloseTo(0.1, 10);
  expect(Array.from(points, Math.round)).toEqual([3, 1, 3, -1, -3, 1, -3, -1]);
});

test("equally correlated dimensions: the first eigenvalue is 1 + (d − 1)ρ", () => {
  // x_i = √ρ·common + √(1−ρ)·own_i has that covariance; ±1 on orthogonal columns makes it exact.
  const dimensions = 3;
  const rows = 16;
  const values = Float32Array.from({ length: rows * dimensions }, (_, k) => {
    const row = Math.floor(k / dimensions);
    const sign = (bit: number) => ((row >> bit) & 1) * 2 - 1;
    return Math.sqrt(0.6) * sign(3) + Math.sqrt(0.4) * sign(k % dimensions);
  });
  const { explained } = principalPlane(values, dimensions);
  expect(explained[0]).toBeCloseTo((1 + 2 * 0.6) / 3, 6);
  expect(explained[1]).toBeCloseTo((1 - 0.6) / 3, 6);
});

test("finds a component that lies along none of the axes, behind many axes of greater variance", () => {
  // Walsh functions are exactly uncorrelated: 20 dimensions of variance 4, and 20 that all follow one of variance 1.
  const walsh = (row: number, k: number) =>
    [1, 2, 4, 8, 16, 32].reduce((sign, bit) => (row & k & bit ? -sign : sign), 1);
  const values = Float32Array.from({ length: 64 * 40 }, (_, k) => {
    const row = Math.floor(k / 40);
    return k % 40 < 20 ? 2 * walsh(row, (k % 40) + 1) : walsh(row, 63);
  });
  const { points, explained } = principalPlane(values, 40);
  expect(explained[0]).toBeCloseTo(20 / 100, 8);
  expect(explained[1]).toBeCloseTo(4 / 100, 8);
  for (let row = 0; row < 64; row++) expect(points[2 * row]).toBeCloseTo(Math.sqrt(20) * walsh(row, 63), 4);
});

test("agrees with the covariance's own quadratic form in 200 dimensions", () => {
  const values = Float32Array.from(normals(300 * 200), (value, k) => value * (1 + 20 / (1 + (k % 200))));
  const { points, explained } = principalPlane(values, 200);
  const total = Array.from({ length: 200 }, (_, i) => variance(values, 200, i)).reduce((sum, value) => sum + value, 0);
  expect(variance(points, 2, 0) / total).toBeCloseTo(explained[0], 6);
  expect(variance(points, 2, 1) / total).toBeCloseTo(explained[1], 6);
});

test("law: the projection's variances are the explained shares, its columns are uncorrelated and no axis has more", () => {
  const matrix = fc.tuple(
    fc.integer({ min: 2, max: 15 }),
    fc.integer({ min: 2, max: 20 }),
    fc.integer({ min: 1, max: 1e9 }),
  );
  fc.assert(
    fc.property(matrix, ([dimensions, rows, seed]) => {
      const values = Float32Array.from(normals(rows * dimensions, seed), (value, k) => value * (1 + (k % dimensions)));
      const { points, explained } = principalPlane(values, dimensions);
      const variances = Array.from({ length: dimensions }, (_, i) => variance(values, dimensions, i));
      const total = variances.reduce((sum, value) => sum + value, 0);
      expect(variance(points, 2, 0) / total).toBeCloseTo(explained[0], 4);
      expect(variance(points, 2, 1) / total).toBeCloseTo(explained[1], 4);
      expect(explained[0]).toBeGreaterThanOrEqual(Math.max(...variances) / total - 1e-4);
      let covariance = 0;
      for (let row = 0; row < rows; row++) covariance += (points[2 * row] ?? 0) * (points[2 * row + 1] ?? 0);
      expect(covariance / rows / total).toBeCloseTo(0, 4);
    }),
    { numRuns: 60 },
  );
});

function variance(values: Float32Array, stride: number, column: number): number {
  const own = values.filter((_, k) => k % stride === column);
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length;
}

test("the sign is fixed: the loading of greatest magnitude is positive", () => {
  const values = Float32Array.of(0, 0, -1, 10, -2, 20); // along (−1, 10): the second dimension's loading leads
  const { points } = principalPlane(values, 2);
  expect((points[4] ?? 0) > (points[0] ?? 0)).toBe(true);
  const mirrored = principalPlane(
    values.map((value) => -value),
    2,
  ).points;
  expect((mirrored[4] ?? 0) < (mirrored[0] ?? 0)).toBe(true);
});

test("one dimension, one row and constant values have a plane too", () => {
  const line = principalPlane(Float32Array.of(1, 3), 1);
  expect(Array.from(line.points)).toEqual([-1, 0, 1, 0]);
  expect(line.explained).toEqual([1, 0]);
  const constant = principalPlane(new Float32Array(8).fill(4), 2);
  expect(Array.from(constant.points)).toEqual(new Array(8).fill(0));
  expect(constant.explained).toEqual([0, 0]);
  expect(Array.from(principalPlane(Float32Array.of(1, 2, 3), 3).points)).toEqual([0, 0]);
});

test("errors: values that do not fill rows, and values that are not finite", () => {
  expect(() => principalPlane(new Float32Array(5), 2)).toThrow(
    new ShapeError("principalPlane: expected (rows, 2) values, got 5 values"),
  );
  expect(() => principalPlane(new Float32Array(0), 2)).toThrow(ShapeError);
  expect(() => principalPlane(Float32Array.of(1, Number.NaN), 1)).toThrow(NumericalError);
});
