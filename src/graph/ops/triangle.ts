import { formatShape } from "../shape.ts";
import { apply, type Emitter, type Operator, type Tensor } from "../tensor.ts";

/*
 * Lower-triangular matrices and the vectors of their elements, row after row: each is the other's adjoint. Both are a
 * gather by a constant index, in which element (i, j ≤ i) of the matrix is element i(i + 1)/2 + j of the vector.
 */

export const trilOperator: Operator = {
  name: "tril",
  infer([x]) {
    const length = x!.shape.at(-1);
    const size = typeof length === "number" ? Math.round((Math.sqrt(8 * length + 1) - 1) / 2) : Number.NaN;
    if (x!.dtype !== "float" || length !== lengthOf(size))
      throw `expected floats (…, d(d + 1)/2), got ${formatShape(x!.shape)} of ${x!.dtype}`;
    return { shape: [...x!.shape.slice(0, -1), size, size], dtype: "float" };
  },
  gradient: (_node, dy) => [trilVector(dy)],
  lower(node, emit) {
    const size = node.shape.at(-1) as number;
    const axis = node.shape.length - 2;
    // The elements above the diagonal are taken from a zero at the vector's end.
    const index = square(size, (i, j) => (j <= i ? lengthOf(i) + j : lengthOf(size)));
    const before = Array<number>(axis + 1).fill(0); // amounts for all axes, as in join.ts
    const padded = emit.node("Pad", [emit.value(node.inputs[0]!), emit.ints([...before, ...before.with(axis, 1)])]);
    return gatherAt(padded, emit.node("Reshape", [emit.ints(index), emit.ints([size, size])]), axis, emit);
  },
};

export const trilVectorOperator: Operator = {
  name: "trilVector",
  infer([x]) {
    const [rows, columns] = x!.shape.slice(-2);
    if (x!.dtype !== "float" || typeof rows !== "number" || rows !== columns)
      throw `expected floats (…, d, d), got ${formatShape(x!.shape)} of ${x!.dtype}`;
    return { shape: [...x!.shape.slice(0, -2), lengthOf(rows)], dtype: "float" };
  },
  gradient: (_node, dy) => [tril(dy)],
  lower(node, emit) {
    const size = node.inputs[0]!.shape.at(-1) as number;
    const axis = node.shape.length - 1;
    const index = square(size, (i, j) => (j <= i ? i * size + j : -1)).filter((place) => place >= 0);
    const flat = emit.ints([...node.shape.slice(0, -1).map(() => 0), size * size]); // 0: the axis as it is
    return gatherAt(emit.node("Reshape", [emit.value(node.inputs[0]!), flat]), emit.ints(index), axis, emit);
  },
};

const lengthOf = (size: number): number => (size * (size + 1)) / 2;

const square = (size: number, f: (i: number, j: number) => number): number[] =>
  Array.from({ length: size * size }, (_, k) => f(Math.floor(k / size), k % size));

const gatherAt = (x: string, index: string, axis: number, emit: Emitter): string =>
  emit.node("Gather", [x, index], { axis: { int: axis } });

/** Lower-triangular matrices with the given elements, row after row: (…, d(d + 1)/2) → (…, d, d). */
export const tril = (x: Tensor): Tensor => apply(trilOperator, [x]);

/** The elements of matrices on and below the diagonal, row after row: (…, d, d) → (…, d(d + 1)/2). */
export const trilVector = (x: Tensor): Tensor => apply(trilVectorOperator, [x]);
