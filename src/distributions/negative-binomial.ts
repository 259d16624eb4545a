import { add, clip, div, maximum, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp, log, log1p } from "../graph/ops/functions.ts";
import { expand } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { accumulated, column, wholeNumbers } from "./counts.ts";
import type { Distribution } from "./distribution.ts";
import { heldLogRate, mostCounted } from "./poisson.ts";
import { factorialRest, stirlingError } from "./stirling.ts";

/**
 * Independent negative binomial counts with mean μ = e^logMean and variance μ + φ·μ², with the dispersion
 * φ = e^logDispersion (Robinson & Smyth 2008): p(k) = Γ(k + r)/(Γ(r)·k!)·(r/(r + μ))ʳ·(μ/(r + μ))ᵏ, r = 1/φ.
 * logMean and logDispersion: (batch, ...event), or shapes that broadcast to logMean's; both are held within ±20.
 * @param most as for poisson
 */
export function negativeBinomial(
  logMean: Tensor,
  logDispersion: Tensor,
  most = mostCounted,
): Distribution & Required<Pick<Distribution, "cdf">> {
  const mean = exp(heldLogRate(logMean));
  const dispersion = exp(clip(logDispersion, -20, 20));
  const masses = exp(logProbOf(column(logMean), column(logDispersion))(wholeNumbers(most + 1)));
  return {
    kind: "negative-binomial",
    shape: logMean.shape,
    parameters: { logMean, logDispersion: expand(logDispersion, logMean) },
    mean,
    variance: expand(add(mean, mul(dispersion, square(mean))), mean),
    noise: "uniform",
    logProb: logProbOf(logMean, logDispersion),
    ...accumulated(masses),
  };
}

/**
 * With Stirling's formula for the three Γ, the large parts gone:
 * (r − ½)·log(1 + k/r) − r·log(1 + μ/r) + k·log((r + k)/(r + μ)·μ/k) + δ(r + k) − δ(r) − (log k! − k·log k + k).
 */
function logProbOf(logMean: Tensor, logDispersion: Tensor): (k: Tensor) => Tensor {
  const mean = exp(heldLogRate(logMean));
  const r = exp(mul(clip(logDispersion, -20, 20), -1));
  const atZero = mul(r, log1p(div(mean, r)));
  return (k) => {
    const both = add(r, k);
    const ratio = mul(div(both, add(r, mean)), div(mean, maximum(k, 1)));
    const powers = sub(add(mul(sub(r, 0.5), log1p(div(k, r))), mul(k, log(ratio))), atZero);
    return add(powers, sub(sub(stirlingError(both), stirlingError(r)), factorialRest(k)));
  };
}
