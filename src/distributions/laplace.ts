import { abs, add, clip, mul, neg, sign, sub } from "../graph/ops/arithmetic.ts";
import { exp, log1p } from "../graph/ops/functions.ts";
import { expand } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Distribution } from "./distribution.ts";

/** Logarithms of scales are held within ±30, so that neither a scale nor its inverse overflows a float32. */
export const heldLogScale = (logScale: Tensor): Tensor => clip(logScale, -30, 30);

/**
 * Independent Laplace elements: p(x) = e^(−|x − m|/b)/2b, with b = e^logScale.
 * location and logScale: (batch, ...event), or shapes that broadcast to location's.
 */
export function laplace(location: Tensor, logScale: Tensor): Distribution & Required<Pick<Distribution, "entropy">> {
  const held = heldLogScale(logScale);
  const scale = exp(held);
  return {
    kind: "laplace",
    shape: location.shape,
    parameters: { location, logScale: expand(logScale, location) },
    mean: location,
    variance: expand(mul(exp(mul(held, 2)), 2), location),
    noise: "uniform",
    logProb: (x) => neg(add(add(mul(abs(sub(x, location)), exp(neg(held))), held), Math.LN2)),
    // m − b·sgn(u − ½)·log(1 − 2|u − ½|), the inverse of the cdf
    sample: (noise) => {
      const centred = clip(sub(noise, 0.5), -0.5 + 2 ** -25, 0.5 - 2 ** -25);
      return sub(location, mul(scale, mul(sign(centred), log1p(mul(abs(centred), -2)))));
    },
    entropy: () => expand(add(held, 1 + Math.LN2), location),
  };
}
