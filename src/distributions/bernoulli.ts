import { softplus } from "../graph/ops/activation.ts";
import { mul, sub } from "../graph/ops/arithmetic.ts";
import { asFloat, less } from "../graph/ops/comparison.ts";
import { sigmoid } from "../graph/ops/functions.ts";
import { bernoulliLogProb } from "../graph/ops/likelihood.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Distribution } from "./distribution.ts";

/** Independent Bernoulli elements over {0, 1}. */
export interface Bernoulli extends Distribution {
  readonly kind: "bernoulli";
  readonly logits: Tensor;
  entropy(): Tensor;
}

/**
 * Bernoulli from logits = log p/(1−p), which keeps every density finite: p itself would round to 0 or 1.
 * Given x between 0 and 1, `logProb` is the expected log-probability of a binarization of x (the cross-entropy).
 */
export function bernoulli(logits: Tensor): Bernoulli {
  const p = sigmoid(logits);
  return {
    kind: "bernoulli",
    shape: logits.shape,
    parameters: { logits },
    logits,
    mean: p,
    variance: mul(p, sub(1, p)),
    noise: "uniform",
    // x·log p + (1 − x)·log(1 − p) = x·l − softplus(l)
    logProb: (x) => sub(mul(x, logits), softplus(logits)),
    logProbSum: (x, rank) => bernoulliLogProb(x, logits, rank),
    // 1 where u < p; not differentiable
    sample: (noise) => asFloat(less(noise, p)),
    // −E[log p(x)] = softplus(l) − p·l
    entropy: () => sub(softplus(logits), mul(p, logits)),
  };
}
