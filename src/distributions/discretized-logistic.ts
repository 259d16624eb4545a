import { softplus } from "../graph/ops/activation.ts";
import { add, clip, div, maximum, minimum, mul, neg, square, sub } from "../graph/ops/arithmetic.ts";
import { exp, expm1, log, log1p, sigmoid } from "../graph/ops/functions.ts";
import { expand, sum } from "../graph/ops/structure.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import { column, rounded, within01 } from "./counts.ts";
import type { Distribution } from "./distribution.ts";
import { heldLogScale } from "./laplace.ts";

/** A logistic distribution over the line, of which the cells around levels between 0 and 1 are taken. */
export interface Logistic {
  readonly location: Tensor;
  readonly logScale: Tensor;
  /** How many, the first 0 and the last 1: 256 for 8-bit images. The outer ones' cells reach to infinity. */
  readonly levels: number;
}

/** The nearest level of x, as a number 0…levels − 1. */
export const levelOf = (x: Tensor, levels: number): Tensor => rounded(mul(x, levels - 1), levels - 1);

/** What a level's cell lies between, in scales from the location: its middle and half its width. */
function cellOf({ location, logScale, levels }: Logistic, level: Tensor) {
  const inverse = exp(neg(heldLogScale(logScale)));
  const half = mul(inverse, 0.5 / (levels - 1));
  return { middle: mul(sub(div(level, levels - 1), location), inverse), half };
}

/**
 * log P of levels (Salimans et al. 2017, eq. 2). Between a and b it is σ(a) − σ(b) = σ(a)·σ(−b)·(1 − e^(b − a)), of which
 * each logarithm is exact however small the difference; a factor is left out where the cell reaches to infinity.
 */
export function logisticLogMass(logistic: Logistic, level: Tensor): Tensor {
  const top = logistic.levels - 1;
  const { middle, half } = cellOf(logistic, level);
  const [notFirst, notLast] = [minimum(level, 1), minimum(sub(top, level), 1)];
  const upper = mul(softplus(neg(add(middle, half))), notLast);
  const lower = mul(softplus(sub(middle, half)), notFirst);
  const width = mul(log(neg(expm1(mul(half, -2)))), mul(notFirst, notLast));
  return sub(width, add(upper, lower));
}

/** P(X ≤ level). */
export function logisticCdf(logistic: Logistic, level: Tensor): Tensor {
  const { middle, half } = cellOf(logistic, level);
  return maximum(sigmoid(add(middle, half)), sub(level, logistic.levels - 2)); // 1 at the last
}

/** The level, between 0 and 1, that a uniform draw gives; not differentiable. */
export function logisticSample({ location, logScale, levels }: Logistic, noise: Tensor): Tensor {
  const u = within01(noise);
  const x = add(location, mul(exp(heldLogScale(logScale)), sub(log(u), log1p(neg(u)))));
  return div(levelOf(clip(x, 0, 1), levels), levels - 1);
}

/** Mean and variance, by P(X ≥ k) for every level k: memory for all levels is taken where they are computed. */
export function logisticMoments({ location, logScale, levels }: Logistic): { mean: Tensor; variance: Tensor } {
  const top = levels - 1;
  const numbers = Array.from({ length: top }, (_, i) => i + 1);
  const edges = constant(numbers.map((k) => (k - 0.5) / top));
  const inverse = exp(neg(heldLogScale(logScale)));
  const tails = sigmoid(mul(sub(column(location), edges), column(inverse)));
  const mean = div(sum(tails, [-1]), top);
  const squares = div(sum(mul(tails, constant(numbers.map((k) => 2 * k - 1))), [-1]), top ** 2); // E[k²]
  return { mean, variance: maximum(sub(squares, square(mean)), 0) };
}

/**
 * Independent logistic elements rounded to so many levels between 0 and 1 (Kingma et al. 2016, section 5; Salimans et
 * al. 2017). Values are rounded to the nearest level.
 * @param location between 0 and 1 and beyond, (batch, ...event)
 * @param logScale log of the scale in the same unit, in a shape that broadcasts to the location's
 */
export function discretizedLogistic(
  location: Tensor,
  logScale: Tensor,
  levels = 256,
): Distribution & Required<Pick<Distribution, "cdf">> {
  const logistic = { location, logScale, levels };
  return {
    kind: "discretized-logistic",
    shape: location.shape,
    parameters: { location, logScale: expand(logScale, location) },
    ...logisticMoments(logistic),
    noise: "uniform",
    logProb: (x) => logisticLogMass(logistic, levelOf(x, levels)),
    sample: (noise) => logisticSample(logistic, noise),
    cdf: (x) => logisticCdf(logistic, levelOf(x, levels)),
  };
}
