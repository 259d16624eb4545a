import { clip, maximum, mul, sub } from "../graph/ops/arithmetic.ts";
import { exp, log } from "../graph/ops/functions.ts";
import type { Tensor } from "../graph/tensor.ts";
import { accumulated, column, wholeNumbers } from "./counts.ts";
import type { Distribution } from "./distribution.ts";
import { factorialRest } from "./stirling.ts";

/** Logarithms of rates are held within ±20: rates from 2e-9 to 5e8. */
export const heldLogRate = (logRate: Tensor): Tensor => clip(logRate, -20, 20);

/** Counts that cdf and sample go up to, unless they are told another number. */
export const mostCounted = 1023;

/**
 * Independent Poisson counts: p(k) = λᵏ·e^(−λ)/k!, with λ = e^logRate (batch, ...event).
 * @param most cdf and sample add up the masses of 0…most, which should hold all but nothing of the distribution: the cdf
 * gains nothing beyond, and no sample is larger
 */
export function poisson(logRate: Tensor, most = mostCounted): Distribution & Required<Pick<Distribution, "cdf">> {
  const logProbOf = (logarithm: Tensor) => {
    const held = heldLogRate(logarithm);
    // k·log λ/k + k − λ − (log k! − k·log k + k), the saddle-point form (Loader 2000)
    return (k: Tensor): Tensor => sub(sub(mul(k, sub(held, log(maximum(k, 1)))), sub(exp(held), k)), factorialRest(k));
  };
  const rate = exp(heldLogRate(logRate));
  const masses = exp(logProbOf(column(logRate))(wholeNumbers(most + 1)));
  return {
    kind: "poisson",
    shape: logRate.shape,
    parameters: { logRate },
    mean: rate,
    variance: rate,
    noise: "uniform",
    logProb: logProbOf(logRate),
    ...accumulated(masses),
  };
}
