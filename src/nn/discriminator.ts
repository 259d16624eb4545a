import { leakyRelu } from "../graph/ops/activation.ts";
import { reshape } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { dense, type Layer, mlp } from "./dense.ts";
import { type Scope, zeros } from "./parameters.ts";

/** Slope below 0 of the paper's leaky ReLU. */
const slope = 0.2;

/**
 * The discriminator of FactorVAE (Kim & Mnih 2018, appendix A): a multilayer perceptron with leaky ReLU that tells draws
 * of one distribution from those of another. It gives log D(z)/(1 − D(z)), which is what the paper's two outputs differ
 * by: (rows, latent) → (rows). It starts as D = ½ everywhere, so that what follows it is not pulled anywhere before it has
 * seen a batch.
 */
export function discriminator(scope: Scope, latent: number, hidden: readonly number[]): Layer {
  const activation = (x: Tensor) => leakyRelu(x, slope);
  const { layer, features } = mlp(scope, latent, { hidden, activation, initialization: "he" });
  const logit = dense(scope.at("logit"), features, 1, { initialization: zeros });
  return (z) => reshape(logit(layer(z)), [z.shape[0]!]);
}
