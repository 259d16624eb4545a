import { add, div, maximum, mul, sqrt, square, sub } from "../graph/ops/arithmetic.ts";
import { exp, log, log1p } from "../graph/ops/functions.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { formatShape, sameShape } from "../graph/shape.ts";
import { shapeError, type Tensor } from "../graph/tensor.ts";
import { diagonalPosterior, latentsOf, type Posterior, standardLogProb } from "./latent.ts";
import { normal } from "./normal.ts";

export interface RankOneParameters {
  /** (rows, d) */
  readonly mean: Tensor;
  /** −log D, so that where `direction` is 0 it is the log-variance: (rows, d). */
  readonly logvar: Tensor;
  /** u: (rows, d). Its sign does not matter, and at 0 its gradient is 0. */
  readonly direction: Tensor;
}

/**
 * N(μ, C) with precision C⁻¹ = D + u·uᵀ, D diagonal (Rezende et al. 2014, section 4.3): latents that are correlated
 * along one direction, at the cost of independent ones.
 * @throws ShapeError where the parameters do not fit
 */
export function rankOnePosterior({ mean, logvar, direction }: RankOneParameters): Posterior {
  const d = latentsOf(mean);
  if (!sameShape(logvar.shape, mean.shape) || !sameShape(direction.shape, mean.shape))
    throw shapeError(
      "rankOnePosterior",
      `expected mean, logvar and direction of one shape (rows, d), got a direction ${formatShape(direction.shape)}`,
      [mean, logvar, direction],
    );
  const deviation = exp(mul(logvar, 0.5)); // D^−½
  const v = mul(deviation, direction); // D^−½·u
  const length = sum(square(v), [-1], true); // uᵀD⁻¹u   (rows, 1)
  const eta = div(1, add(length, 1)); // η
  // log |C| = log η − log |D|
  const logDeterminant = sub(sum(logvar, [-1]), reshape(log1p(length), [mean.shape[0]!]));
  // Cᵢᵢ = Dᵢᵢ⁻¹·(1 − η·vᵢ²) = Dᵢᵢ⁻¹·η·(1 + Σ vⱼ² over the others)
  const shrunk = mul(add(maximum(sub(length, square(v)), 0), 1), eta);
  const independent = diagonalPosterior(normal(mean, logvar));
  return {
    base: normal(mean, add(logvar, log(shrunk))),
    noiseWidth: d,
    // z = μ + R·ε with R = D^−½·(I − (1 − √η)/(uᵀD⁻¹u)·v·vᵀ) and R·Rᵀ = C, where (1 − √η)/(uᵀD⁻¹u) = η/(1 + √η)
    draw(noise) {
      const along = mul(sum(mul(v, noise), [-1], true), div(eta, add(sqrt(eta), 1)));
      return {
        z: add(mean, mul(deviation, sub(noise, mul(v, along)))),
        logProb: sub(standardLogProb(noise), mul(logDeterminant, 0.5)),
      };
    },
    // (z − μ)ᵀ(D + uuᵀ)(z − μ) = Σ Dᵢᵢ·(zᵢ − μᵢ)² + (uᵀ(z − μ))²
    logProb(z) {
      const off = sub(z, mean);
      const scaled = standardLogProb(mul(off, exp(mul(logvar, -0.5))));
      const along = square(sum(mul(direction, off), [-1]));
      return sub(scaled, mul(add(along, logDeterminant), 0.5));
    },
    // ½·(tr C + μᵀμ − d − log |C|): that of independent latents, ½·log(1/η) more and ½·Σ Dᵢᵢ⁻¹·η·vᵢ² less
    klStandard() {
      const less = sum(mul(mul(exp(logvar), square(v)), eta), [-1]);
      const more = reshape(log1p(length), [mean.shape[0]!]);
      return add(independent.klStandard!(), mul(sub(more, less), 0.5));
    },
  };
}
