import { add, maximum, mul, neg, square, sub } from "../graph/ops/arithmetic.ts";
import { cumulativeSum, logSoftmax } from "../graph/ops/axis.ts";
import { asFloat, asInt, greaterOrEqual } from "../graph/ops/comparison.ts";
import { exp } from "../graph/ops/functions.ts";
import { concat } from "../graph/ops/join.ts";
import { linear } from "../graph/ops/linear.ts";
import { logsumexp } from "../graph/ops/reduce.ts";
import { gather } from "../graph/ops/select.ts";
import { reshape, sum, transpose } from "../graph/ops/structure.ts";
import { foldAxes, formatShape, sameShape } from "../graph/shape.ts";
import { constant, shapeError, type Tensor } from "../graph/tensor.ts";
import { latentsOf, type Prior } from "./latent.ts";

export interface MixtureParameters {
  /** (components, d) */
  readonly mean: Tensor;
  /** (components, d) */
  readonly logvar: Tensor;
  /** Logarithms of the weights up to a constant: (components). Default: equal weights. */
  readonly logits?: Tensor;
}

const logTwoPi = Math.log(2 * Math.PI);

/**
 * The component in whose share of [0, 1) a number lies: weights (components), uniform (rows, 1) → whole numbers (rows).
 */
export function chosenComponent(weights: Tensor, uniform: Tensor): Tensor {
  const starts = cumulativeSum(weights, 0, { exclusive: true });
  return asInt(sub(sum(asFloat(greaterOrEqual(uniform, starts)), [1]), 1)); // as many shares as it has reached, less one
}

/** Smaller log-variances count as this one, σ = 0.0025: see `mixturePrior` on rounding. */
const leastLogvar = -12;

/**
 * Σₖ wₖ·N(z; μₖ, σₖ²), with diagonal covariances: a learned mixture, or, of `encode(pseudoInputs)`, the VampPrior
 * (Tomczak & Welling 2018, eq. 9).
 *
 * The distances of all z from all components are one product of matrices, Σ z²/σ² − 2·z·μ/σ² + μ²/σ², which needs no
 * memory of (..., components, d). It rounds by about 1e-7·Σ (z² + μ²)/σ², hence the least log-variance.
 * @throws ShapeError where the parameters do not fit
 */
export function mixturePrior({ mean, logvar, logits }: MixtureParameters): Prior {
  const [components, d] = [mean.shape[0] as number, latentsOf(mean)];
  if (mean.shape.length !== 2 || typeof components !== "number" || !sameShape(logvar.shape, mean.shape))
    throw shapeError("mixturePrior", "expected a mean and a logvar (components, d), both of static size", [
      mean,
      logvar,
    ]);
  if (logits && !sameShape(logits.shape, [components]))
    throw shapeError("mixturePrior", `expected logits (${components},), got ${formatShape(logits.shape)}`, [logits]);
  const held = maximum(logvar, leastLogvar);
  const logWeights = logits ? logSoftmax(logits, 0) : constant(Array(components).fill(-Math.log(components)));
  const halfPrecision = mul(exp(neg(held)), 0.5); // 1/2σ²
  const twice = mul(mul(mean, halfPrecision), -2);
  const quadratic = transpose(concat([halfPrecision, twice], 1)); // (2d, components)
  const offset = sum(mul(square(mean), halfPrecision), [1]); // (components)
  const logScale = sub(logWeights, mul(add(sum(held, [1]), d * logTwoPi), 0.5)); // log density of a component at its mean
  return {
    kind: "mixture",
    logProb(z) {
      const lead = z.shape.slice(0, -1);
      const rows = foldAxes(lead);
      if (rows === undefined || z.shape.at(-1) !== d)
        throw shapeError("mixturePrior", `expected z (..., ${d}) with one symbolic axis at most`, [z]);
      const flat = reshape(z, [rows, d]);
      const distance = linear(concat([square(flat), flat], 1), quadratic, offset); // ½·Σ((z − μ)/σ)²   (rows, components)
      const each = sub(logScale, maximum(distance, 0)); // rounding must not make it negative
      return reshape(logsumexp(each, [1]), lead);
    },
    noise: { normal: d, uniform: 1 },
    sample({ normal, uniform }) {
      if (!uniform) throw shapeError("mixturePrior", "sample needs uniform noise (rows, 1)", [normal]);
      const component = chosenComponent(exp(logWeights), uniform); // (rows)
      const deviation = exp(mul(gather(held, component), 0.5));
      return add(gather(mean, component), mul(deviation, normal));
    },
  };
}
