import { expect, test } from "vitest";
import { binomialHalf, median, medianInterval, summarize } from "./statistics.ts";

test("median of odd and even counts, in any order, beyond nine", () => {
  expect(median([10, 9, 2])).toBe(9);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow("at least one value");
  expect(summarize([3, 11, 2])).toEqual({ median: 3, min: 2, max: 11 });
});

test("binomial distribution function", () => {
  expect(binomialHalf(0, 3)).toBeCloseTo(1 / 8, 12);
  expect(binomialHalf(1, 3)).toBeCloseTo(4 / 8, 12);
  expect(binomialHalf(10, 10)).toBeCloseTo(1, 12);
});

test("the interval has the ranks of the published table of the sign test", () => {
  // Ranks of the 95 % interval of a median, e.g. Conover (1999), table A3: n = 10: 2 and 9, n = 20: 6 and 15.
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => n - i);
  const expected: readonly (readonly [number, number])[] = [
    [6, 1],
    [8, 1],
    [9, 2],
    [10, 2],
    [15, 4],
    [20, 6],
    [25, 8],
    [50, 18],
  ];
  for (const [n, rank] of expected) {
    const { low, high } = medianInterval(upTo(n));
    expect([n, low, high]).toEqual([n, rank, n + 1 - rank]);
  }
  expect(medianInterval([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
});

test("the interval holds the median of a skewed distribution in 95 % of samples", () => {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  let held = 0;
  for (let i = 0; i < 2000; i++) {
    const { low, high } = medianInterval(Array.from({ length: 15 }, () => -Math.log(1 - uniform())));
    if (low <= Math.LN2 && Math.LN2 <= high) held++;
  }
  expect(held / 2000).toBeGreaterThan(0.94); // 0.965 in truth
});
