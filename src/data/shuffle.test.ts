import fc from "fast-check";
import { expect, test } from "vitest";
import { permutation, xoshiro128 } from "./shuffle.ts";

test("xoshiro128** gives the reference implementation's numbers", () => {
  const next = xoshiro128([1, 2, 3, 4]);
  const expected = [
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ];
  expect(expected.map(() => next())).toEqual(expected);
});

test("a permutation holds every number once and follows from its seed", () => {
  fc.assert(
    fc.property(fc.nat(300), fc.maxSafeNat(), (count, seed) => {
      const order = permutation(count, seed);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(permutation(count, seed)).toEqual(order);
    }),
  );
});

test("near seeds, and seeds that differ above 32 bits, give other orders", () => {
  const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
  expect(new Set(seeds.map((seed) => permutation(50, seed).join())).size).toBe(seeds.length);
});

test("each order of four is as likely as any other", () => {
  const counts = new Map<string, number>();
  const draws = 24_000;
  for (let seed = 0; seed < draws; seed++) {
    const order = permutation(4, seed).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(24);
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  expect(chiSquare).toBeLessThan(49.7); // 23 degrees of freedom, p = 0.001
});

test("seeds that are no whole numbers are refused", () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
    expect(() => permutation(3, seed)).toThrow(`seed: expected a whole number from 0 to 9007199254740991, got ${seed}`);
  }
});
