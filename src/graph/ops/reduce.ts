import { formatShape, isSymbolic, normalizeAxes, staticSize } from "../shape.ts";
import { apply, type Operator, shapeError, type Tensor } from "../tensor.ts";
import { add, clip, div, mul, sub } from "./arithmetic.ts";
import { asFloat, equal } from "./comparison.ts";
import { exp, log } from "./functions.ts";
import { axesOf, expand, reduceShape, reshape, stopGradient, sum } from "./structure.ts";

/* Reductions other than the sum. */

function extremum(name: string, onnx: string): Operator {
  return {
    name,
    infer([x], { axes, keepDims }) {
      const reduced = normalizeAxes(axes as readonly number[], x!.shape.length);
      if (!reduced) throw `axes [${axes as readonly number[]}] do not exist in ${formatShape(x!.shape)}`;
      return { shape: reduceShape(x!.shape, reduced, keepDims as boolean), dtype: x!.dtype };
    },
    // dy goes to the elements that equal the extremum, in equal shares where several do
    gradient: (node, dy) => {
      const x = node.inputs[0]!;
      const axes = node.attributes.axes as readonly number[];
      const kept = reduceShape(x.shape, axes, true);
      const chosen = asFloat(equal(x, expand(reshape(node, kept), x)));
      return [mul(div(chosen, expand(sum(chosen, axes, true), x)), expand(reshape(dy, kept), x))];
    },
    lower(node, emit) {
      const { axes, keepDims } = node.attributes;
      return emit.node(onnx, [emit.value(node.inputs[0]!), emit.ints(axes as readonly number[])], {
        keepdims: { int: keepDims ? 1 : 0 },
      });
    },
  };
}

export const maxOperator = extremum("max", "ReduceMax");
export const minOperator = extremum("min", "ReduceMin");

const allAxes = (x: Tensor): number[] => x.shape.map((_, i) => i);

/** Largest element over some axes (default: all). */
export function max(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  return axes.length === 0 ? x : apply(maxOperator, [x], { axes: axesOf(x, axes), keepDims });
}

/** Smallest element over some axes (default: all). */
export function min(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  return axes.length === 0 ? x : apply(minOperator, [x], { axes: axesOf(x, axes), keepDims });
}

/** Mean over static axes. Over the batch there is none: a batch is weighted (see models/objective.ts). */
export function mean(x: Tensor, axes: readonly number[], keepDims = false): Tensor {
  const total = sum(x, axes, keepDims);
  const reduced = axesOf(x, axes).map((axis) => x.shape[axis]!);
  if (reduced.some(isSymbolic))
    throw shapeError("mean", "the batch has no static size; sum it and divide by the sum of the weights", [x]);
  return mul(total, 1 / staticSize(reduced));
}

const largestFloat32 = 3.4028234663852886e38;

/**
 * log Σ e^x over some axes. The largest element is taken out first, so nothing overflows; it is held finite, for the
 * sum over elements that are all −∞ is −∞ and not the NaN of −∞ − (−∞).
 */
export function logsumexp(x: Tensor, axes: readonly number[], keepDims = false): Tensor {
  const largest = stopGradient(clip(max(x, axes, true), -largestFloat32, largestFloat32)); // its gradient cancels out
  const total = log(sum(exp(sub(x, largest)), axes, true));
  const result = add(total, largest);
  return keepDims ? result : reshape(result, reduceShape(x.shape, axesOf(x, axes), false));
}
