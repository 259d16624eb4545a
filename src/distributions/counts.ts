import { add, clip, div, mul } from "../graph/ops/arithmetic.ts";
import { cumulativeSum } from "../graph/ops/axis.ts";
import { asFloat, asInt, lessOrEqual } from "../graph/ops/comparison.ts";
import { slice } from "../graph/ops/join.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import type { Distribution } from "./distribution.ts";

/* What distributions over whole numbers have in common. */

/** x with one more axis, the last, of size 1. */
export const column = (x: Tensor): Tensor => reshape(x, [...x.shape, 1]);

/** 0, 1, …, size − 1. */
export const wholeNumbers = (size: number): Tensor => constant(Array.from({ length: size }, (_, i) => i));

/** The nearest whole number to an x ≥ 0, a half up, held to 0…most. It has no gradient. */
export const rounded = (x: Tensor, most: number): Tensor => clip(asFloat(asInt(add(x, 0.5))), 0, most);

/** Uniform noise held away from 0 and 1, by what float32 tells apart from them, where a logarithm of it is taken. */
export const within01 = (noise: Tensor): Tensor => clip(noise, 2 ** -25, 1 - 2 ** -24);

/** cdf and sample by adding up the masses of 0, 1, … along the last axis: memory for all of them is taken. */
export function accumulated(masses: Tensor): Required<Pick<Distribution, "cdf" | "sample">> {
  const axis = masses.shape.length - 1;
  const size = masses.shape[axis] as number;
  return {
    cdf: (x) => sum(mul(masses, asFloat(lessOrEqual(wholeNumbers(size), column(x)))), [-1]),
    // how many of the cdf's steps lie below u; not differentiable
    sample: (u) =>
      size === 1
        ? mul(u, 0)
        : sum(asFloat(lessOrEqual(slice(cumulativeSum(masses, axis), axis, 0, size - 1), column(u))), [-1]),
  };
}

/**
 * A distribution over the counts 0…most as one of the levels k/most between 0 and 1. A value is rounded to the nearest
 * level.
 */
export function onLevels(counts: Distribution, most: number): Distribution {
  const { cdf } = counts;
  const level = (x: Tensor): Tensor => rounded(mul(x, most), most);
  return {
    ...counts,
    mean: div(counts.mean, most),
    variance: div(counts.variance, most ** 2),
    logProb: (x) => counts.logProb(level(x)),
    sample: (noise) => div(counts.sample(noise), most),
    ...(cdf ? { cdf: (x: Tensor) => cdf(level(x)) } : {}),
  };
}
