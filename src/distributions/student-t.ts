import { abs, add, clip, div, maximum, minimum, mul, neg, sqrt, square, sub } from "../graph/ops/arithmetic.ts";
import { less, where } from "../graph/ops/comparison.ts";
import { cos, exp, expm1, log, log1p } from "../graph/ops/functions.ts";
import { slice } from "../graph/ops/join.ts";
import { digamma } from "../graph/ops/special.ts";
import { expand, reshape } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { within01 } from "./counts.ts";
import type { Distribution } from "./distribution.ts";
import { heldLogScale } from "./laplace.ts";
import { stirlingError } from "./stirling.ts";

/**
 * Independent Student-t elements with ν = 2 + e^logExcess degrees of freedom, so that mean and variance exist (Johnson,
 * Kotz & Balakrishnan 1995, chapter 28): p(x) = Γ((ν + 1)/2)/(Γ(ν/2)·√(νπ)·σ)·(1 + t²/ν)^(−(ν + 1)/2), with
 * t = (x − m)/σ and σ = e^logScale. location, logScale, logExcess: (batch, ...event), or shapes that broadcast to
 * location's. ν is held between 2 + e⁻⁸ and 2 + e¹⁵, where the Normal is reached.
 */
export function studentT(
  location: Tensor,
  logScale: Tensor,
  logExcess: Tensor,
): Distribution & Required<Pick<Distribution, "entropy">> {
  const held = heldLogScale(logScale);
  const excess = exp(clip(logExcess, -8, 15)); // ν − 2
  const degrees = add(excess, 2);
  const half = mul(degrees, 0.5);
  const above = add(half, 0.5); // (ν + 1)/2
  // log Γ(h + ½) − log Γ(h) − ½·log h, by Stirling's formula: nothing large is left to cancel
  const gammas = add(add(mul(half, log1p(div(0.5, half))), -0.5), sub(stirlingError(above), stirlingError(half)));
  const logNormalizer = sub(gammas, add(held, Math.log(2 * Math.PI) / 2)); // of ½·log h − ½·log νπ is −½·log 2π left
  return {
    kind: "student-t",
    shape: location.shape,
    parameters: { location, logScale: expand(logScale, location), logExcess: expand(logExcess, location) },
    mean: location,
    variance: expand(mul(exp(mul(held, 2)), div(degrees, excess)), location),
    noise: "uniform",
    noiseWidth: 2,
    logProb(x) {
      const scaled = div(mul(sub(x, location), exp(neg(held))), sqrt(degrees)); // t/√ν
      return sub(logNormalizer, mul(above, logOnePlusSquare(scaled)));
    },
    // σ·√(ν·(u^(−2/ν) − 1))·cos 2πv (Bailey 1994): 1 − u for u, so that it is never 0
    sample(noise) {
      const axis = noise.shape.length - 1;
      const [u, v] = [0, 1].map((i) => reshape(slice(noise, axis, i, i + 1), noise.shape.slice(0, -1))) as [
        Tensor,
        Tensor,
      ];
      const radius = sqrt(mul(degrees, expm1(div(mul(log1p(neg(within01(u))), -2), degrees))));
      return add(location, mul(exp(held), mul(radius, cos(mul(v, 2 * Math.PI)))));
    },
    // (ν + 1)/2·(ψ((ν + 1)/2) − ψ(ν/2)) minus what log p(m) is
    entropy: () => expand(sub(mul(above, sub(digamma(above), digamma(half))), logNormalizer), location),
  };
}

/** log(1 + r²), from the inverse where r is large, for r² might overflow. */
function logOnePlusSquare(r: Tensor): Tensor {
  const size = abs(r);
  const large = maximum(size, 1);
  const near = log1p(square(minimum(size, 1)));
  return where(less(size, 1), near, add(mul(log(large), 2), log1p(square(div(1, large)))));
}
