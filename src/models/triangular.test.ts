import fc from "fast-check";
import { expect, test } from "vitest";
import { cholesky, inverseOfLower } from "./triangular.ts";

/** A·B of matrices (d, d). */
const product = (a: ArrayLike<number>, b: ArrayLike<number>, d: number): number[] =>
  Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [Math.floor(at / d), at % d];
    return Array.from({ length: d }, (_, k) => a[i * d + k]! * b[k * d + j]!).reduce((x, y) => x + y, 0);
  });
const transposed = (a: ArrayLike<number>, d: number): number[] =>
  Array.from({ length: d * d }, (_, at) => a[(at % d) * d + Math.floor(at / d)]!);

test("L·Lᵀ is the matrix, and L⁻¹·L is 1", () => {
  const entry = fc.double({ min: -2, max: 2, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(entry, { minLength: 25, maxLength: 25 }), (d, entries) => {
      const b = entries.slice(0, d * d);
      const a = product(b, transposed(b, d), d).map((value, at) => value + (at % (d + 1) === 0 ? 0.1 : 0));
      const l = cholesky(Float64Array.from(a), d)!;
      for (const [at, value] of product(l, transposed(l, d), d).entries()) expect(value).toBeCloseTo(a[at]!, 10);
      for (const [at, value] of product(inverseOfLower(l, d), l, d).entries())
        expect(value).toBeCloseTo(at % (d + 1) === 0 ? 1 : 0, 8);
      for (let i = 0; i < d; i++) for (let j = i + 1; j < d; j++) expect(l[i * d + j]).toBe(0);
    }),
  );
});

test("a matrix that is not positive-definite has no factor", () => {
  expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined();
  expect(cholesky(Float64Array.of(0), 1)).toBeUndefined();
  expect(cholesky(Float64Array.of(Number.NaN), 1)).toBeUndefined();
});
