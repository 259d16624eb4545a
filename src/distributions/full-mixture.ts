import { add } from "../graph/ops/arithmetic.ts";
import { matmul } from "../graph/ops/linear.ts";
import { gather } from "../graph/ops/select.ts";
import { reshape } from "../graph/ops/structure.ts";
import { sameShape } from "../graph/shape.ts";
import { shapeError, type Tensor } from "../graph/tensor.ts";
import { latentsOf, type Prior } from "./latent.ts";
import { chosenComponent } from "./mixture.ts";

export interface FullMixtureParameters {
  /** They sum to 1: (components). */
  readonly weights: Tensor;
  /** (components, d) */
  readonly mean: Tensor;
  /** L, lower-triangular: (components, d, d). */
  readonly factor: Tensor;
}

/**
 * Samples of Σₖ wₖ·N(z; μₖ, Lₖ·Lₖᵀ): of the component k that a uniform number chooses, z = μₖ + Lₖ·ε.
 * @throws ShapeError where the parameters do not fit
 */
export function fullMixture({ weights, mean, factor }: FullMixtureParameters): Pick<Prior, "noise" | "sample"> {
  const [components, d] = [mean.shape[0]!, latentsOf(mean)];
  if (!sameShape(weights.shape, [components]) || !sameShape(factor.shape, [components, d, d]))
    throw shapeError("fullMixture", "expected weights (components), mean (components, d), factor (components, d, d)", [
      weights,
      mean,
      factor,
    ]);
  return {
    noise: { normal: d, uniform: 1 },
    sample({ normal, uniform }) {
      if (!uniform) throw shapeError("fullMixture", "sample needs uniform noise (rows, 1)", [normal]);
      const component = chosenComponent(weights, uniform); // (rows)
      const rows = normal.shape[0]!;
      const spread = matmul(gather(factor, component), reshape(normal, [rows, d, 1])); // (rows, d, 1)
      return add(gather(mean, component), reshape(spread, [rows, d]));
    },
  };
}
