import fc from "fast-check";
import { expect, test } from "vitest";
import {
  batchFactor,
  broadcastShapes,
  type Dim,
  formatShape,
  isSymbolic,
  normalizeAxes,
  type Shape,
  shapeAt,
  sizeAt,
  staticSize,
  times,
} from "./shape.ts";

const dim: fc.Arbitrary<Dim> = fc.oneof(
  fc.integer({ min: 1, max: 3 }),
  fc.constant("batch" as const),
  fc.constant("2*batch" as const),
);
const shape: fc.Arbitrary<Shape> = fc.array(dim, { maxLength: 4 });

/** NumPy's rule on known sizes, written from the right. */
function broadcastNumbers(a: readonly number[], b: readonly number[]): number[] | undefined {
  const result: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const pair = [a.at(-i) ?? 1, b.at(-i) ?? 1].filter((size) => size !== 1);
    if (new Set(pair).size > 1) return undefined;
    result.unshift(pair[0] ?? 1);
  }
  return result;
}

test("broadcasting agrees with NumPy's rule at every batch size that the sizes cannot be confused with", () => {
  fc.assert(
    fc.property(shape, shape, (a, b) => {
      const symbolic = broadcastShapes(a, b);
      const numeric = broadcastNumbers(shapeAt(a, 17), shapeAt(b, 17));
      expect(symbolic && shapeAt(symbolic, 17)).toEqual(numeric);
      expect(broadcastShapes(b, a)).toEqual(symbolic);
    }),
  );
});

test("a batch does not broadcast with a number, nor with a multiple of itself", () => {
  expect(broadcastShapes(["batch"], [3])).toBeUndefined();
  expect(broadcastShapes(["batch"], ["2*batch"])).toBeUndefined();
  expect(broadcastShapes(["batch", 1], [1, 3])).toEqual(["batch", 3]);
});

test("times multiplies a dimension, and undoes itself", () => {
  expect(times("batch", 5)).toBe("5*batch");
  expect(times("5*batch", 0.2)).toBe("batch");
  expect(times(4, 3)).toBe(12);
  fc.assert(
    fc.property(dim, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 50 }), (size, factor, batchSize) => {
      expect(sizeAt([times(size, factor)], batchSize)).toBe(sizeAt([size], batchSize) * factor);
      if (isSymbolic(size)) expect(batchFactor(times(size, factor) as "batch")).toBe(batchFactor(size) * factor);
    }),
  );
});

test("the size of a shape is the product of its dimensions", () => {
  fc.assert(
    fc.property(shape, fc.integer({ min: 1, max: 9 }), (dims, batchSize) => {
      expect(sizeAt(dims, batchSize)).toBe(shapeAt(dims, batchSize).reduce((a, b) => a * b, 1));
      if (dims.some(isSymbolic)) expect(staticSize(dims)).toBeNaN();
      else expect(staticSize(dims)).toBe(sizeAt(dims, 1));
    }),
  );
});

test("axes count from either end, once each", () => {
  expect(normalizeAxes([-1, 0], 3)).toEqual([0, 2]);
  expect(normalizeAxes([], 0)).toEqual([]);
  for (const axes of [[3], [-4], [0, 0], [0, -3], [0.5], [Number.NaN]])
    expect(normalizeAxes(axes, 3), `${axes}`).toBeUndefined();
});

test("a shape reads as in Python", () => {
  expect([[], [3], ["batch", 784]].map((dims) => formatShape(dims as Shape))).toEqual(["()", "(3,)", "(batch, 784)"]);
});
