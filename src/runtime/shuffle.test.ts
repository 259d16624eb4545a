import { expect, test } from "vitest";
import { epochOrder } from "./shuffle.ts";

test("an epoch's order is a permutation, the same for the same seed and epoch, and another for others", () => {
  const order = epochOrder(1003, 7, 3);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1003 }, (_, i) => i));
  expect(epochOrder(1003, 7, 3)).toEqual(order);
  expect(epochOrder(1003, 7, 4)).not.toEqual(order);
  expect(epochOrder(1003, 8, 3)).not.toEqual(order);
});

test("every example is equally likely at every place", () => {
  const counts = new Uint32Array(16);
  const epochs = 4000;
  for (let epoch = 0; epoch < epochs; epoch++)
    for (const [place, i] of epochOrder(4, 1, epoch).entries()) counts[place * 4 + i]!++;
  // each count is Binomial(4000, 1/4): mean 1000, standard deviation 27; beyond 5 of them is a chance of 1 in 10^6
  for (const count of counts) expect(Math.abs(count - epochs / 4)).toBeLessThan(137);
});
