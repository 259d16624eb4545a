import { softplus } from "../graph/ops/activation.ts";
import { add } from "../graph/ops/arithmetic.ts";
import type { Shape } from "../graph/shape.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import type { HeadOptions } from "../nn/networks.ts";
import type { LikelihoodContext } from "./registry.ts";

/* How the decoder's last layers give the parameters of likelihoods. */

/** Where a head starts: at a number for each element of the event, as far as there are statistics. */
export const startingAt = (start: Float32Array | undefined): HeadOptions =>
  start ? { bias: { kind: "values", values: start } } : {};

/** log p/(1 − p) with p held within 0.001 and 0.999: a pixel that was never lit may yet be, at a finite price. */
export function logit(p: number): number {
  const held = Math.min(Math.max(p, 0.001), 0.999);
  return Math.log(held / (1 - held));
}

export interface FreeNumber {
  /** A number, which is then fixed; one that is learned; or an output of the decoder for each element. */
  readonly how: number | "global" | "learned";
  /** Where one that is not fixed starts, above the lowest. */
  readonly start: number;
  /** What one that is not fixed tends to, smoothly, instead of running away to −∞. */
  readonly lowest: number;
}

/**
 * A parameter of p(x|z) beside its location, such as the logarithm of a scale. Declares `name`, unless it is fixed.
 * @returns the number as a function of features and shape: of that shape where the decoder gives it, else one number
 */
export function freeNumber(
  { scope, head }: LikelihoodContext,
  name: string,
  { how, start, lowest }: FreeNumber,
): (features: Tensor, shape: Shape) => Tensor {
  const bounded = (raw: Tensor): Tensor => add(softplus(add(raw, -lowest)), lowest);
  if (typeof how === "number") return () => constant(how);
  const value = lowest + Math.log(Math.expm1(start - lowest)); // of which `bounded` makes the start
  const bias = { kind: "constant", value } as const;
  if (how === "global") {
    const raw = scope.parameter(name, [1], bias);
    return () => bounded(raw);
  }
  const layer = head(scope.at(name), { bias });
  return (h, shape) => bounded(layer(h, shape));
}
