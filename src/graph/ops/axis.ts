import { formatShape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { mul, sub } from "./arithmetic.ts";
import { exp } from "./functions.ts";
import { axesOf, expand, sum } from "./structure.ts";

/* Operators along one axis that keep its size. */

function alongAxis(name: string, operator: Pick<Operator, "gradient" | "lower">): Operator {
  return {
    name,
    infer([x], { axis }) {
      if (!((axis as number) in x!.shape)) throw `axis ${axis as number} does not exist in ${formatShape(x!.shape)}`;
      if (x!.dtype !== "float") throw `expected floats, got ${x!.dtype}`;
      return { shape: x!.shape, dtype: "float" };
    },
    ...operator,
  };
}

const total = (x: Tensor, node: Tensor): Tensor => expand(sum(x, [node.attributes.axis as number], true), x);
const lowerTo =
  (onnx: string): Operator["lower"] =>
  (node, emit) =>
    emit.node(onnx, [emit.value(node.inputs[0]!)], { axis: { int: node.attributes.axis as number } });

// dx = y·(dy − Σ dy·y)
export const softmaxOperator = alongAxis("softmax", {
  gradient: (y, dy) => [mul(y, sub(dy, total(mul(dy, y), y)))],
  lower: lowerTo("Softmax"),
});
// dx = dy − e^y·Σ dy
export const logSoftmaxOperator = alongAxis("logSoftmax", {
  gradient: (y, dy) => [sub(dy, mul(exp(y), total(dy, y)))],
  lower: lowerTo("LogSoftmax"),
});
// dx is the sum of dy from the other end
export const cumulativeSumOperator = alongAxis("cumulativeSum", {
  gradient: (node, dy) => {
    const { axis, exclusive, reverse } = node.attributes;
    return [cumulativeSum(dy, axis as number, { exclusive: exclusive as boolean, reverse: !reverse })];
  },
  lower(node, emit) {
    const { axis, exclusive, reverse } = node.attributes;
    return emit.node("CumSum", [emit.value(node.inputs[0]!), emit.intScalar(axis as number)], {
      exclusive: { int: exclusive ? 1 : 0 },
      reverse: { int: reverse ? 1 : 0 },
    });
  },
});

const at = (x: Tensor, axis: number) => ({ axis: axesOf(x, [axis])[0]! });

/** e^x/Σ e^x along an axis; the largest element is taken out first, so nothing overflows. A row of −∞ alone is NaN. */
export function softmax(x: Tensor, axis: number): Tensor {
  return apply(softmaxOperator, [x], at(x, axis));
}

/** x − log Σ e^x along an axis: the logarithm of softmax, exact where that is 0. */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  return apply(logSoftmaxOperator, [x], at(x, axis));
}

export interface CumulativeOptions {
  /** Leaves out the element itself. Default: false. */
  readonly exclusive?: boolean;
  /** Sums from the end. Default: false. */
  readonly reverse?: boolean;
}

/** x₀, x₀ + x₁, x₀ + x₁ + x₂, … along an axis. */
export function cumulativeSum(
  x: Tensor,
  axis: number,
  { exclusive = false, reverse = false }: CumulativeOptions = {},
): Tensor {
  return apply(cumulativeSumOperator, [x], { ...at(x, axis), exclusive, reverse });
}
