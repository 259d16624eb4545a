import {
  broadcastShapes,
  type Dim,
  elementCount,
  formatShape,
  isSymbolic,
  normalizeAxes,
  type Shape,
  sameShape,
  staticSize,
} from "../shape.ts";
import { apply, constant, type Operator, scalarValue, type Tensor } from "../tensor.ts";

/*
 * Operators that move or sum elements: reshape, transpose, expand, sum, stopGradient. They stand in one file because
 * their gradients are each other: sum and expand are adjoint.
 */

/** A shape as ONNX's Reshape takes it: the symbolic dimension, of which there is at most one, becomes -1. */
function reshapeTarget(shape: Shape): number[] {
  return shape.map((dim) => (isSymbolic(dim) ? -1 : dim));
}

export const reshapeOperator: Operator = {
  name: "reshape",
  infer([x], { shape }) {
    const target = shape as readonly Dim[];
    const from = elementCount(x!.shape);
    const to = elementCount(target);
    if (from.factor !== to.factor || from.power !== to.power)
      throw `cannot hold the elements of ${formatShape(x!.shape)} in ${formatShape(target)}`;
    if (to.power > 1) throw `at most one dimension may be symbolic, got ${formatShape(target)}`;
    return { shape: target, dtype: x!.dtype };
  },
  gradient: (node, dy) => [reshape(dy, node.inputs[0]!.shape)],
  // Of a chain only the last reshape is needed.
  lower(node, emit) {
    let source = node.inputs[0]!;
    while (source.operator === reshapeOperator) source = source.inputs[0]!;
    if (sameShape(source.shape, node.shape)) return emit.value(source);
    return emit.node("Reshape", [emit.value(source), emit.ints(reshapeTarget(node.shape))]);
  },
};

/** x with the same elements in another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const value = scalarValue(x);
  if (value !== undefined && staticSize(shape) === 1) return constant([value], shape as readonly number[]);
  return apply(reshapeOperator, [x], { shape });
}

export const transposeOperator: Operator = {
  name: "transpose",
  infer([x], { permutation }) {
    const order = permutation as readonly number[];
    if (order.length !== x!.shape.length || !normalizeAxes(order, x!.shape.length) || order.some((axis) => axis < 0))
      throw `expected a permutation of the ${x!.shape.length} axes, got [${order}]`;
    return { shape: order.map((axis) => x!.shape[axis]!), dtype: x!.dtype };
  },
  gradient: ({ attributes }, dy) => {
    const order = attributes.permutation as readonly number[];
    return [
      transpose(
        dy,
        order.map((_, i) => order.indexOf(i)),
      ),
    ]; // the inverse permutation
  },
  lower: (node, emit) =>
    emit.node("Transpose", [emit.value(node.inputs[0]!)], {
      perm: { ints: node.attributes.permutation as readonly number[] },
    }),
};

/** The matrix of which this one is the transpose, if it was made so. */
export function swappedFrom({ operator, inputs, attributes }: Tensor): Tensor | undefined {
  const swapped = operator === transposeOperator && String(attributes["permutation"]) === "1,0";
  return swapped ? inputs[0] : undefined;
}

/** Axes in another order; without an order, the last two are swapped. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const rank = x.shape.length;
  const before = permutation ? undefined : swappedFrom(x);
  if (before) return before;
  const swapped = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  return apply(transposeOperator, [x], { permutation: permutation ?? swapped });
}

/** Its second input is the tensor whose shape is read at run time; a static shape needs none. */
export const expandOperator: Operator = {
  name: "expand",
  infer([x], attributes) {
    const target = attributes.shape as Shape;
    const shape = broadcastShapes(x!.shape, target);
    if (!shape || !sameShape(shape, target))
      throw `cannot broadcast ${formatShape(x!.shape)} to ${formatShape(target)}`;
    return { shape, dtype: x!.dtype };
  },
  gradient: (node, dy) => [sumTo(dy, node.inputs[0]!.shape)],
  lower(node, emit) {
    const [x, like] = node.inputs;
    const shape = like ? emit.node("Shape", [emit.value(like)]) : emit.ints(node.shape as readonly number[]);
    return emit.node("Expand", [emit.value(x!), shape]);
  },
};

/** x broadcast to the shape of `like`, whose values are not used. Elementwise operators see through it. */
export function expand(x: Tensor, like: Tensor): Tensor {
  if (sameShape(x.shape, like.shape)) return x;
  return apply(expandOperator, like.shape.some(isSymbolic) ? [x, like] : [x], { shape: like.shape });
}

/** f(expand(x)) as expand(f(x)), which computes less; f works on each element alone. */
export function beforeExpand(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  return x.operator === expandOperator ? expand(f(x.inputs[0]!), x.inputs[1] ?? x) : f(x);
}

export const sumOperator: Operator = {
  name: "sum",
  infer([x], { axes, keepDims }) {
    const reduced = normalizeAxes(axes as readonly number[], x!.shape.length);
    if (!reduced) throw `axes [${axes as readonly number[]}] do not exist in ${formatShape(x!.shape)}`;
    if (x!.dtype === "bool") throw "expected numbers, got bool; convert with asFloat";
    return { shape: reduceShape(x!.shape, reduced, keepDims as boolean), dtype: x!.dtype };
  },
  // d(Σx)/dx = 1: the gradient is dy, repeated along the summed axes.
  gradient: (node, dy) => {
    const x = node.inputs[0]!;
    return [expand(reshape(dy, reduceShape(x.shape, node.attributes.axes as readonly number[], true)), x)];
  },
  lower(node, emit) {
    const { axes, keepDims } = node.attributes;
    return emit.node("ReduceSum", [emit.value(node.inputs[0]!), emit.ints(axes as readonly number[])], {
      keepdims: { int: keepDims ? 1 : 0 },
    });
  },
};

/** The shape left when some axes are reduced. */
export function reduceShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  return keepDims ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i));
}

/** Axes counted from 0; those that do not exist are left for the operator to refuse. */
export function axesOf(x: Tensor, axes: readonly number[]): readonly number[] {
  return normalizeAxes(axes, x.shape.length) ?? axes;
}

/** Sum over some axes (default: all); negative ones count from the end. */
export function sum(x: Tensor, axes: readonly number[] = x.shape.map((_, i) => i), keepDims = false): Tensor {
  return axes.length === 0 ? x : apply(sumOperator, [x], { axes: axesOf(x, axes), keepDims });
}

/** Sum over the event, which the last `rank` axes are: (..., ...event) → (...). */
export function sumEvent(x: Tensor, rank: number): Tensor {
  const lead = x.shape.length - rank;
  return sum(
    x,
    Array.from({ length: rank }, (_, i) => lead + i),
  );
}

/** The adjoint of broadcasting: sums x down to a shape that was broadcast to x's. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  if (axes.length === lead) return sum(x, axes);
  return reshape(sum(x, axes, true), shape);
}

export const stopGradientOperator: Operator = {
  name: "stopGradient",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: () => [undefined],
  lower: (node, emit) => emit.value(node.inputs[0]!),
};

/** x, treated as a constant by differentiation. */
export function stopGradient(x: Tensor): Tensor {
  return apply(stopGradientOperator, [x]);
}
