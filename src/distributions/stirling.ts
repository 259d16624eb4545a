import { add, div, maximum, minimum, mul, reciprocal, square } from "../graph/ops/arithmetic.ts";
import { less, where } from "../graph/ops/comparison.ts";
import { log, log1p } from "../graph/ops/functions.ts";
import { constant, type Tensor } from "../graph/tensor.ts";

/*
 * What Stirling's formula leaves of log Γ and of log k!. Log-probabilities of counts are differences of large numbers
 * that nearly cancel; written with these remainders the large parts cancel on paper, and float32 is exact enough.
 */

const halfLogTwoPi = Math.log(2 * Math.PI) / 2;

/** From here on the series is exact to 1e-14. */
const far = 8;

/** 1/12, −1/360, …: B₂ₖ/(2k·(2k − 1)) (Abramowitz & Stegun, 6.1.40). */
const coefficients = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360];

/** δ(z) = log Γ(z) − (z − ½)·log z + z − ½·log 2π, for z > 0. */
export function stirlingError(z: Tensor): Tensor {
  const isNear = less(z, far);
  const inverse = reciprocal(where(isNear, add(z, far), z));
  const [last, ...before] = coefficients.toReversed().map((c) => constant(c)) as [Tensor, ...Tensor[]];
  const series = mul(
    before.reduce((total, c) => add(mul(total, square(inverse)), c), last),
    inverse,
  );
  // Near 0 at z + 8, by log Γ(z + 8) = log Γ(z) + Σ log(z + i): δ(z) = δ(z + 8) + (z + ½)·log(1 + 8/z) − Σ log … − 8.
  const near = minimum(z, far);
  const end = add(near, far);
  const ratios = Array.from({ length: far - 1 }, (_, i) => div(add(near, i + 1), end));
  const recurrence = add(
    add(mul(add(near, 0.5), log1p(div(far, near))), -far),
    mul(log(ratios.reduce((product, ratio) => mul(product, ratio))), -1),
  );
  return add(series, where(isNear, recurrence, 0));
}

/** log k! − k·log k + k for whole k ≥ 0; it is 0 at 0, and about ½·log 2πk. */
export function factorialRest(k: Tensor): Tensor {
  const positive = maximum(k, 1);
  const rest = add(add(mul(log(positive), 0.5), halfLogTwoPi), stirlingError(positive));
  return where(less(k, 0.5), 0, rest);
}
