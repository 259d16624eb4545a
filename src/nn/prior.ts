import { UsageError } from "../errors.ts";
import { add, clip } from "../graph/ops/arithmetic.ts";
import { splitEvenly } from "../graph/ops/join.ts";
import { staticSize } from "../graph/shape.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { dense } from "./dense.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/* The parameters that priors learn. In a file of their own, since the code of such priors is loaded when a model has one. */

/**
 * Learned parameters of `mixturePrior`. Means start 2 or so from 0 in all, variances at 1, weights equal. Declares
 * `mean` and `logvar` (components, latent) and `logits` (components).
 */
export function mixtureParameters(
  scope: Scope,
  components: number,
  latent: number,
): { readonly mean: Tensor; readonly logvar: Tensor; readonly logits: Tensor } {
  const spread: Initializer = { kind: "normal", standardDeviation: 2 / Math.sqrt(latent) };
  return {
    mean: scope.parameter("mean", [components, latent], spread),
    logvar: scope.parameter("logvar", [components, latent], zeros),
    logits: scope.parameter("logits", [components], zeros),
  };
}

/**
 * Mean and log-variance of p(z|c), affine in the condition: (rows, condition) → (rows, latent) each (Sohn et al. 2015,
 * section 3). They start as those of N(0, I) under every condition. Declares a dense layer.
 */
export function conditionalNormal(
  scope: Scope,
  condition: number,
  latent: number,
): (condition: Tensor) => { readonly mean: Tensor; readonly logvar: Tensor } {
  const layer = dense(scope, condition, 2 * latent, { initialization: zeros });
  return (c) => {
    const [mean, logvar] = splitEvenly(layer(c), 1, 2) as [Tensor, Tensor];
    return { mean: labelled(mean, "mean of p(z|c)"), logvar: labelled(logvar, "log-variance of p(z|c)") };
  };
}

/**
 * Learned pseudo-inputs of a VampPrior, held in [0, 1]: (count, ...event) (Tomczak & Welling 2018, section 2.1). Declares
 * `pseudoInputs`, which is the pseudo-inputs less ½, so that weight decay draws them to grey.
 * @param start examples (count, ...event) that they start as, row after row; default grey with noise of 0.1
 * @throws UsageError where the values do not fill the shape
 */
export function pseudoInputs(scope: Scope, count: number, event: readonly number[], start?: Float32Array): Tensor {
  const shape = [count, ...event];
  if (start && start.length !== staticSize(shape))
    throw new UsageError(
      `${scope.path("pseudoInputs")}: expected ${staticSize(shape)} values for (${shape}), got ${start.length}`,
    );
  const initializer: Initializer = start
    ? { kind: "values", values: start.map((x) => x - 0.5) }
    : { kind: "normal", standardDeviation: 0.1 };
  return clip(add(scope.parameter("pseudoInputs", shape, initializer), 0.5), 0, 1);
}
