import { isSymbolic, times } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { matmul } from "./linear.ts";
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
  infer([table, index]) {
    if (index!.dtype !== "int") throw `expected whole-number indices, got ${index!.dtype}`;
    if (table!.shape.length !== 2 || table!.shape.some(isSymbolic))
      throw "expected a table (rows, width) of static size";
    return { shape: [...index!.shape, table!.shape[1]!], dtype: table!.dtype };
  },
  // d table: the rows of dy are added up by index, which is oneHotᵀ·dy
  gradient: (node, dy) => {
    const [table, index] = node.inputs as [Tensor, Tensor];
    const [rows, width] = table.shape as [number, number];
    const flat = flatten(index);
    return [matmul(oneHot(flat, rows), reshape(dy, [flat.shape[0]!, width]), { transposeA: true }), undefined];
  },
  lower: (node, emit) =>
    emit.node(
      "Gather",
      node.inputs.map((x) => emit.value(x)),
      { axis: { int: 0 } },
    ),
};

function flatten(index: Tensor): Tensor {
  const symbolic = index.shape.find(isSymbolic);
  if (index.shape.length === 1) return index;
  const rest = index.shape.filter((dim) => !isSymbolic(dim)).reduce<number>((size, dim) => size * (dim as number), 1);
  return reshape(index, [symbolic === undefined ? rest : times(symbolic, rest)]);
}

/** Rows of a table (rows, width) by index: (…) → (…, width), as of an embedding or a codebook. */
export const gather = (table: Tensor, index: Tensor): Tensor => apply(gatherOperator, [table, index]);
