import { expect, test } from "vitest";
import { exponentOf, upperHalf } from "./fit.ts";

test("a power law gives its exponent, whatever its factor", () => {
  const points = [1, 2, 8, 50].map((x) => ({ x, y: 3 * x ** 1.7 }));
  expect(exponentOf(points)).toBeCloseTo(1.7, 12);
  expect(exponentOf(points.toReversed())).toBeCloseTo(1.7, 12);
});

test("what takes the same time at every size lowers the exponent, and less so for large sizes", () => {
  const points = [1, 2, 4, 8, 16, 32, 64].map((x) => ({ x, y: 5 + x }));
  const [all, upper] = [exponentOf(points), exponentOf(upperHalf(points))];
  expect(all).toBeLessThan(upper);
  expect(upper).toBeLessThan(1);
  // By hand, of two points: ln(69/13)/ln(64/8).
  expect(exponentOf([points[3]!, points[6]!])).toBeCloseTo(Math.log(69 / 13) / Math.log(8), 12);
});

test("no exponent is made up", () => {
  expect(() => exponentOf([{ x: 2, y: 1 }])).toThrow("two sizes");
  expect(() => exponentOf([])).toThrow("two sizes");
  for (const y of [0, -1, Number.NaN])
    expect(() =>
      exponentOf([
        { x: 1, y: 1 },
        { x: 2, y },
      ]),
    ).toThrow("positive");
});

test("the upper half", () => {
  expect(upperHalf([1, 2, 3, 4])).toEqual([3, 4]);
  expect(upperHalf([1, 2, 3])).toEqual([2, 3]);
});
