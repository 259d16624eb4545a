import { type Key, philox4x32, siteKey } from "./philox.ts";

/**
 * The order of the examples in an epoch: a uniformly random permutation of 0..count−1, which is a function of count, seed
 * and epoch alone, so that a resumed run finds it again.
 */
export function epochOrder(count: number, seed: number, epoch: number): Uint32Array {
  return randomOrder(count, siteKey(seed, "shuffle"), epoch);
}

/** A uniformly random permutation of 0..count−1 (Fisher & Yates), a function of the key, the step and the column alone. */
export function randomOrder(count: number, key: Key, step: number, column = 0): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let words: readonly number[] = [];
  for (let last = count - 1, drawn = 0; last > 0; last--, drawn++) {
    if (drawn % 4 === 0) words = philox4x32([drawn / 4, column, 0, step], key);
    const other = Math.floor((words[drawn % 4]! / 2 ** 32) * (last + 1));
    const held = order[last]!;
    order[last] = order[other]!;
    order[other] = held;
  }
  return order;
}
