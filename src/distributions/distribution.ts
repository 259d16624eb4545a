import { maximum, mul, sub } from "../graph/ops/arithmetic.ts";
import { sumEvent } from "../graph/ops/structure.ts";
import { type Shape, staticSize } from "../graph/shape.ts";
import { shapeError, type Tensor } from "../graph/tensor.ts";

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
  /** Draws that `sample` takes for each element. More than one lie along one more axis, the last. Default: 1. */
  readonly noiseWidth?: number;
  /**
   * How many of the event's last axes one log-probability is for, such as 1 where the channels of a pixel depend on each
   * other: `logProb` then has none of them. Default: 0, a log-probability for each element.
   */
  readonly joint?: number;
  /** log p(x), elementwise or of each joint group. x: a shape that broadcasts with the distribution's. */
  logProb(x: Tensor): Tensor;
  /** Σ of logProb over the last `rank` axes, for a distribution that gets it with less work. */
  logProbSum?(x: Tensor, rank: number): Tensor;
  /** A draw made from noise of a shape that broadcasts with the distribution's; reparameterized where it can be. */
  sample(noise: Tensor): Tensor;
  /** Entropy, elementwise, where it has a closed form. */
  entropy?(): Tensor;
  /** P(X ≤ x), elementwise; in a joint group, given the elements before it. Discrete distributions have it. */
  cdf?(x: Tensor): Tensor;
}

/**
 * log p(x) of whole events, in nats: (..., ...event) → (...).
 * @param rank how many of the last axes are the event
 * @param mask in x's shape: 1 where x is observed, 0 where it is missing and does not count; default all observed. Of a
 * joint group a missing element leaves no log-probability of the others: such a group does not count at all
 * @throws ShapeError for an event of fewer axes than a joint group
 */
export function eventLogProb(distribution: Distribution, x: Tensor, rank: number, mask?: Tensor): Tensor {
  const { joint = 0 } = distribution;
  if (rank < joint)
    throw shapeError("eventLogProb", `a log-probability is for ${joint} axes, and the event has ${rank}`, [x]);
  if (!mask && rank > 0 && distribution.logProbSum) return distribution.logProbSum(x, rank);
  const logProb = distribution.logProb(x);
  if (!mask) return sumEvent(logProb, rank - joint);
  const observed = joint === 0 ? mask : maximum(sub(sumEvent(mask, joint), groupSize(mask, joint) - 1), 0);
  return sumEvent(mul(logProb, observed), rank - joint);
}

/** Elements of a joint group. */
const groupSize = ({ shape }: Tensor, joint: number): number => staticSize(shape.slice(shape.length - joint));
