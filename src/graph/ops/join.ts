import { type Dim, formatShape, isSymbolic } from "../shape.ts";
import { apply, type Operator, shapeError, type Tensor } from "../tensor.ts";
import { reshape } from "./structure.ts";

/* Operators that join, cut and fill along one axis. */

export const concatOperator: Operator = {
  name: "concat",
  infer(parts, { axis }) {
    const first = parts[0];
    if (!first) throw "expected at least one part";
    const at = axis as number;
    if (!(at >= 0 && at < first.shape.length)) throw `axis ${at} does not exist`;
    let total = 0;
    for (const part of parts) {
      const fits =
        part.shape.length === first.shape.length && part.shape.every((dim, i) => i === at || dim === first.shape[i]);
      if (!fits || part.dtype !== first.dtype) throw `parts may differ along axis ${at} alone`;
      const dim = part.shape[at]!;
      if (isSymbolic(dim)) throw `cannot join along the symbolic axis ${at}`;
      total += dim;
    }
    return { shape: first.shape.map((dim, i) => (i === at ? total : dim)), dtype: first.dtype };
  },
  // each part takes its own slice of dy
  gradient: (node, dy) => {
    const axis = node.attributes.axis as number;
    let start = 0;
    return node.inputs.map((part) => {
      const from = start;
      start += part.shape[axis] as number;
      return slice(dy, axis, from, start);
    });
  },
  lower: (node, emit) =>
    emit.node(
      "Concat",
      node.inputs.map((x) => emit.value(x)),
      { axis: { int: node.attributes.axis as number } },
    ),
};

/** Tensors joined along an axis whose size is static in all of them. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  return parts.length === 1 ? parts[0]! : apply(concatOperator, parts, { axis });
}

/** Tensors of one shape joined along a new axis. */
export function stack(parts: readonly Tensor[], axis: number): Tensor {
  const widened = parts.map((part) => reshape(part, part.shape.toSpliced(axis, 0, 1)));
  return concat(widened, axis);
}

export const sliceOperator: Operator = {
  name: "slice",
  infer([x], attributes) {
    const { axis, start, end } = attributes as unknown as Range;
    const size = x!.shape[axis];
    if (size === undefined) throw `axis ${axis} does not exist`;
    if (isSymbolic(size)) throw `cannot cut the symbolic axis ${axis}`;
    if (!(start >= 0 && start < end && end <= size && Number.isInteger(start) && Number.isInteger(end)))
      throw `range ${start}..${end} does not lie in 0..${size}`;
    return { shape: x!.shape.map((dim, i): Dim => (i === axis ? end - start : dim)), dtype: x!.dtype };
  },
  // dy, with zeros where the rest of x was
  gradient: (node, dy) => {
    const { axis, start, end } = node.attributes as unknown as Range;
    return [pad(dy, axis, start, (node.inputs[0]!.shape[axis] as number) - end)];
  },
  lower(node, emit) {
    const { axis, start, end } = node.attributes as unknown as Range;
    return emit.node("Slice", [emit.value(node.inputs[0]!), emit.ints([start]), emit.ints([end]), emit.ints([axis])]);
  },
};

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/** Elements start..end−1 along an axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  return start === 0 && end === x.shape[axis] ? x : apply(sliceOperator, [x], { axis, start, end });
}

/** Cuts x into parts of the given sizes along an axis, which they must add up to. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  if (sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
    throw shapeError("split", `sizes [${sizes}] do not add up to the ${x.shape[axis]} of axis ${axis}`, [x]);
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return slice(x, axis, start - size, start);
  });
}

/** Cuts x into so many equal parts along an axis. */
export function splitEvenly(x: Tensor, axis: number, parts: number): Tensor[] {
  const size = x.shape[axis];
  if (!(Number.isInteger(parts) && parts > 0 && typeof size === "number" && size % parts === 0))
    throw shapeError("splitEvenly", `cannot cut the ${size} of axis ${axis} into ${parts} equal parts`, [x]);
  return split(x, axis, Array<number>(parts).fill(size / parts));
}

export const padOperator: Operator = {
  name: "pad",
  infer([x], { axis, before, after }) {
    const size = x!.shape[axis as number];
    if (!((before as number) >= 0 && (after as number) >= 0)) throw `cannot pad by ${before} and ${after}`;
    if (size === undefined || isSymbolic(size))
      throw `axis ${axis as number} of ${formatShape(x!.shape)} cannot be padded`;
    const total = size + (before as number) + (after as number);
    return { shape: x!.shape.map((dim, i): Dim => (i === axis ? total : dim)), dtype: x!.dtype };
  },
  gradient: (node, dy) => {
    const { axis, before } = node.attributes as { readonly axis: number; readonly before: number };
    return [slice(dy, axis, before, before + (node.inputs[0]!.shape[axis] as number))];
  },
  lower(node, emit) {
    const { axis, before, after } = node.attributes;
    // For all axes: ONNX Runtime 1.30 loses the input that names them when it moves a Transpose across a Pad.
    const amounts = [before, after].flatMap((amount) =>
      node.shape.map((_, i) => (i === axis ? (amount as number) : 0)),
    );
    return emit.node("Pad", [emit.value(node.inputs[0]!), emit.ints(amounts)]);
  },
};

/**
 * The sum of two tensors that were padded to meet, where one ends as the other begins: they are then merely joined.
 * Undefined for any other two. Gradients of the halves of a tensor are such.
 */
export function joinPadded(x: Tensor, y: Tensor): Tensor | undefined {
  if (x.operator !== padOperator || y.operator !== padOperator || x.attributes.axis !== y.attributes.axis) return;
  const axis = x.attributes.axis as number;
  const [first, second] = x.attributes.before === 0 ? [x, y] : [y, x];
  const meet =
    first.attributes.before === 0 &&
    second.attributes.after === 0 &&
    second.attributes.before === first.inputs[0]!.shape[axis] &&
    first.shape[axis] === second.shape[axis];
  return meet ? concat([first.inputs[0]!, second.inputs[0]!], axis) : undefined;
}

/** x with zeros before and after along an axis. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  return before === 0 && after === 0 ? x : apply(padOperator, [x], { axis, before, after });
}
