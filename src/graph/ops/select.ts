import { foldAxes, formatShape, isSymbolic, sameShape } from "../shape.ts";
import { apply, type Operator, shapeError, type Tensor } from "../tensor.ts";
import { reduceShape, reshape } from "./structure.ts";

/* Operators that make or take whole-number indices. */

function argExtremum(name: string, onnx: string): Operator {
  return {
    name,
    infer([x], { axis }) {
      if (!((axis as number) in x!.shape)) throw `axis ${axis as number} does not exist`;
      return { shape: reduceShape(x!.shape, [axis as number], false), dtype: "int" };
    },
    gradient: { none: "an index is a whole number" },
    lower: (node, emit) =>
      emit.node(onnx, [emit.value(node.inputs[0]!)], {
        axis: { int: node.attributes.axis as number },
        keepdims: { int: 0 },
      }),
  };
}

export const argmaxOperator = argExtremum("argmax", "ArgMax");
export const argminOperator = argExtremum("argmin", "ArgMin");

/** Index of the largest element along an axis; the first of equals. */
export const argmax = (x: Tensor, axis: number): Tensor => apply(argmaxOperator, [x], { axis });
/** Index of the smallest element along an axis; the first of equals. */
export const argmin = (x: Tensor, axis: number): Tensor => apply(argminOperator, [x], { axis });

export const oneHotOperator: Operator = {
  name: "oneHot",
  infer([index], { depth }) {
    if (index!.dtype !== "int") throw `expected whole numbers, got ${index!.dtype}`;
    if (index!.shape.length === 0) throw "expected indices of one axis or more";
    if (!(Number.isInteger(depth) && (depth as number) > 0)) throw `expected a depth of 1 or more, got ${depth}`;
    return { shape: [...index!.shape, depth as number], dtype: "float" };
  },
  gradient: { none: "its input is a whole number" },
  // ONNX Runtime has no OneHot of float64: made of whole numbers, then converted.
  lower(node, emit) {
    const depth = emit.intScalar(node.attributes.depth as number);
    const whole = emit.node("OneHot", [emit.value(node.inputs[0]!), depth, emit.ints([0, 1])]);
    return emit.node("Cast", [whole], { to: { int: emit.typeCode("float") } });
  },
};

/** 1 at the index and 0 elsewhere, along a new last axis of size `depth`. */
export const oneHot = (index: Tensor, depth: number): Tensor => apply(oneHotOperator, [index], { depth });

export const gatherOperator: Operator = {
  name: "gather",
  infer([table, index], { axis }) {
    if (index!.dtype !== "int") throw `expected whole-number indices, got ${index!.dtype}`;
    const at = axis as number;
    if (!(at in table!.shape)) throw `axis ${at} does not exist`;
    return { shape: table!.shape.toSpliced(at, 1, ...index!.shape), dtype: table!.dtype };
  },
  // d table: what was chosen is added up by index
  gradient: (node, dy) => {
    const [table, index] = node.inputs as [Tensor, Tensor];
    const axis = node.attributes.axis as number;
    const size = table.shape[axis]!;
    if (isSymbolic(size))
      throw shapeError("gather", `no gradient along the symbolic axis ${axis}: it needs a static size`, [table, index]);
    return [scatterAdd(index, dy, size, axis), undefined];
  },
  lower: (node, emit) =>
    emit.node(
      "Gather",
      node.inputs.map((x) => emit.value(x)),
      { axis: { int: node.attributes.axis as number } },
    ),
};

/**
 * Elements of a table along an axis, by index: rows of an embedding or a codebook, (rows, width) and (…) → (…, width). The
 * index takes the axis' place: (a, size, b) and (…) along axis 1 → (a, …, b). There is a gradient along an axis of static
 * size.
 */
export const gather = (table: Tensor, index: Tensor, axis = 0): Tensor =>
  apply(gatherOperator, [table, index], { axis });

export const scatterAddOperator: Operator = {
  name: "scatterAdd",
  infer([index, values], { axis, size }) {
    const at = axis as number;
    if (index!.dtype !== "int" || values!.dtype !== "float")
      throw `expected whole-number indices and floats, got ${index!.dtype} and ${values!.dtype}`;
    if (!sameShape(index!.shape, values!.shape.slice(at, at + 1)))
      throw `expected indices of shape ${formatShape(values!.shape.slice(at, at + 1))}`;
    return { shape: values!.shape.with(at, size as number), dtype: "float" };
  },
  gradient: (node, dy) => [undefined, gather(dy, node.inputs[0]!, node.attributes.axis as number)],
  lower(node, emit) {
    const [index, values] = node.inputs.map((x) => emit.value(x)) as [string, string];
    const { axis, size } = node.attributes as { readonly axis: number; readonly size: number };
    const along = node.shape.map((_, i) => i === axis);
    const from = emit.node("Shape", [values]);
    const others = emit.node("Mul", [from, emit.ints(along.map((own) => (own ? 0 : 1)))]);
    const shape = emit.node("Add", [others, emit.ints(along.map((own) => (own ? size : 0)))]);
    const zeros = emit.node("Expand", [emit.scalar(0), shape]);
    const column = emit.node("Reshape", [index, emit.ints(along.map((own) => (own ? -1 : 1)))]);
    return emit.node("ScatterElements", [zeros, emit.node("Expand", [column, from]), values], {
      axis: { int: axis },
      reduction: { string: "add" },
    });
  },
};

/**
 * The adjoint of gather: zeros, of `size` along the axis, to which each of the values is added where its index says.
 * Index (…), values (a, …, b) → (a, size, b).
 */
export function scatterAdd(index: Tensor, values: Tensor, size: number, axis = 0): Tensor {
  const chosen = values.shape.slice(axis, axis + index.shape.length);
  if (!sameShape(index.shape, chosen))
    throw shapeError("scatterAdd", `expected indices of shape ${formatShape(chosen)}`, [index, values]);
  const flat = foldAxes(index.shape);
  if (flat === undefined) throw shapeError("scatterAdd", "the index has more than one symbolic axis", [index]);
  const folded = values.shape.toSpliced(axis, index.shape.length, flat);
  return apply(scatterAddOperator, [reshape(index, [flat]), reshape(values, folded)], { axis, size });
}
