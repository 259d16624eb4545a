import { mul } from "../graph/ops/arithmetic.ts";
import { sumEvent } from "../graph/ops/structure.ts";
import type { Shape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What `sample` takes: standard normal draws, or uniform ones in [0, 1). */
export type NoiseKind = "normal" | "uniform";

/**
 * A distribution whose parameters are symbolic tensors of shape (batch, ...event). All densities and divergences are
 * in nats and per element of the event: the caller sums over the event (DESIGN.md, D5).
 */
export interface Distribution {
  readonly kind: string;
  readonly shape: Shape;
  /** The parameters by name, such as mean and logvar: what an exported decoder gives. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly noise: NoiseKind;
  /** log p(x), elementwise. x: a shape that broadcasts with the distribution's. */
  logProb(x: Tensor): Tensor;
  /** Σ of logProb over the last `rank` axes, for a distribution that gets it with less work. */
  logProbSum?(x: Tensor, rank: number): Tensor;
  /** A draw made from noise of a shape that broadcasts with the distribution's; reparameterized where it can be. */
  sample(noise: Tensor): Tensor;
  /** Entropy, elementwise. */
  entropy(): Tensor;
}

/**
 * log p(x) of whole events, in nats: (..., ...event) → (...).
 * @param rank how many of the last axes are the event
 * @param mask in x's shape: 1 where x is observed, 0 where it is missing and does not count; default all observed
 */
export function eventLogProb(distribution: Distribution, x: Tensor, rank: number, mask?: Tensor): Tensor {
  if (!mask && rank > 0 && distribution.logProbSum) return distribution.logProbSum(x, rank);
  const logProb = distribution.logProb(x);
  return sumEvent(mask ? mul(logProb, mask) : logProb, rank);
}
