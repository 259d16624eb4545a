import { expect, test } from "vitest";
import { exponentOfRounds } from "./scaling.ts";

test("exponents are those of the upper half, round by round, beside that of the operations", () => {
  const points = [1, 2, 4, 8].map((size) => ({ size, flops: 5 * size ** 2 }));
  const times: Record<number, number[]> = {
    1: [99, 99, 99], // in the lower half
    2: [1, 2, 3],
    4: [3, 3, 3],
    8: [6, 12, 3],
  };
  const { value, low, high, expected } = exponentOfRounds(points, (size) => times[size]!);
  expect([value, low, high, expected]).toEqual([1, 0, 2, 2].map((number) => expect.closeTo(number, 12)));
});
