import { broadcastShapes, sameShape } from "../shape.ts";
import { apply, type Operator, shapeError, type Tensor } from "../tensor.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { asFloat, greaterOrEqual } from "./comparison.ts";
import { stopGradient } from "./structure.ts";

/* Noise as an input, and gradients past what has none. */

export const scaleGradientOperator: Operator = {
  name: "scaleGradient",
  infer([x, factor]) {
    const shape = broadcastShapes(x!.shape, factor!.shape);
    if (x!.dtype !== "float" || factor!.dtype !== "float") throw "expected floats";
    if (!shape || !sameShape(shape, x!.shape)) throw "expected a factor that broadcasts to the shape of x";
    return { shape, dtype: "float" };
  },
  gradient: ({ inputs }, dy) => [mul(dy, stopGradient(inputs[1]!)), undefined],
  lower: (node, emit) => emit.value(node.inputs[0]!),
};

/** x, whose gradient is multiplied by a factor: no derivative, but an estimate that an objective is defined by. */
export const scaleGradient = (x: Tensor, factor: Tensor): Tensor => apply(scaleGradientOperator, [x, factor]);

/** The value of `hard`, the gradient of `soft` (Bengio et al. 2013): for samples and codes that have none of their own. */
export function straightThrough(hard: Tensor, soft: Tensor): Tensor {
  return add(soft, stopGradient(sub(hard, soft)));
}

/**
 * Elements set to 0 with probability `rate`, the others scaled by 1/(1 − rate) (Srivastava et al. 2014).
 * @param noise uniform in [0, 1), of x's shape or broadcasting to it: drawn anew at every step (DESIGN.md, D3)
 */
export function dropout(x: Tensor, noise: Tensor, rate: number): Tensor {
  if (!(rate >= 0 && rate < 1)) throw shapeError("dropout", `expected a rate in [0, 1), got ${rate}`, [x, noise]);
  return rate === 0 ? x : mul(x, mul(asFloat(greaterOrEqual(noise, rate)), 1 / (1 - rate)));
}
