import { expect, test } from "vitest";
import { batchRange } from "./batch-range.ts";

const ranges = (count: number, batchSize: number, even: boolean) =>
  Array.from({ length: Math.ceil(count / batchSize) }, (_, place) => batchRange(place, { count, batchSize, even }));

test("batches are of one size, and the last has what is left over", () => {
  expect(ranges(10, 4, false)).toEqual([
    [0, 4],
    [4, 8],
    [8, 10],
  ]);
  expect(ranges(3, 4, false)).toEqual([[0, 3]]);
});

test.each([
  [7, 3],
  [65, 64],
  [50_001, 128],
  [12, 4],
  [1, 5],
])("%d examples are spread evenly over as many batches of up to %d as there are else", (count, batchSize) => {
  const found = ranges(count, batchSize, true);
  expect(found[0]![0]).toBe(0);
  expect(found.at(-1)![1]).toBe(count);
  for (const [i, [from]] of found.slice(1).entries()) expect(from).toBe(found[i]![1]);
  const sizes = found.map(([from, to]) => to - from);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(batchSize);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
});
