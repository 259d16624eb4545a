import { broadcastShapes, foldAxes, formatShape, sameShape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { reshape, sumTo } from "./structure.ts";

/* Matrix products. Weights are stored (inputs, outputs), so that a layer is x·W + b. */

interface Transposed {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

const flag = (value: boolean | undefined): number => (value ? 1 : 0);

export const matmulOperator: Operator = {
  name: "matmul",
  infer([a, b], { transposeA, transposeB }) {
    if (a!.dtype !== "float" || b!.dtype !== "float") throw "expected floats";
    if (a!.shape.length < 2 || b!.shape.length < 2) throw "expected two operands of rank 2 or more";
    const [m, k] = transposeA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const [inner, n] = transposeB ? [b!.shape.at(-1)!, b!.shape.at(-2)!] : [b!.shape.at(-2)!, b!.shape.at(-1)!];
    if (k !== inner) throw `inner dimensions differ: ${k} and ${inner}`;
    const [left, right] = [a!.shape.slice(0, -2), b!.shape.slice(0, -2)];
    const lead = broadcastShapes(left, right);
    if (!lead) throw `leading dimensions ${formatShape(left)} and ${formatShape(right)} do not broadcast`;
    return { shape: [...lead, m, n], dtype: "float" };
  },
  // C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC, summed over what was broadcast; a transposed operand's is the transpose of that.
  gradient: (node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const { transposeA, transposeB } = node.attributes as Transposed;
    const da = transposeA
      ? matmul(b, dy, { transposeA: transposeB ?? false, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB });
    const db = transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA ?? false })
      : matmul(a, dy, { transposeA: !transposeA });
    return [sumTo(da, a.shape), sumTo(db, b.shape)];
  },
  lower(node, emit) {
    const [a, b] = node.inputs.map((x) => emit.value(x)) as [string, string];
    const { transposeA, transposeB } = node.attributes as Transposed;
    // Gemm takes transposed operands as they lie; MatMul, which batched products need, does not.
    if (node.shape.length === 2)
      return emit.node("Gemm", [a, b], { transA: { int: flag(transposeA) }, transB: { int: flag(transposeB) } });
    const swap = (x: string, { shape: { length } }: Tensor, transposed: boolean | undefined) => {
      const perm = Array.from({ length }, (_, i) => (i < length - 2 ? i : 2 * length - 3 - i));
      return transposed ? emit.node("Transpose", [x], { perm: { ints: perm } }) : x;
    };
    return emit.node("MatMul", [swap(a, node.inputs[0]!, transposeA), swap(b, node.inputs[1]!, transposeB)]);
  },
};

/**
 * Product of matrices, (…, m, k)·(…, k, n) → (…, m, n), either operand transposed on request; leading axes broadcast.
 * A matrix on the right is multiplied with all rows on the left at once, and so is its gradient.
 */
export function matmul(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: Transposed = {}): Tensor {
  if (b.shape.length === 2 && a.shape.length > 2 && !transposeA) {
    const rows = foldAxes(a.shape.slice(0, -1));
    if (rows !== undefined) {
      const flat = apply(matmulOperator, [reshape(a, [rows, a.shape.at(-1)!]), b], { transposeA, transposeB });
      return reshape(flat, [...a.shape.slice(0, -1), flat.shape[1]!]);
    }
  }
  return apply(matmulOperator, [a, b], { transposeA, transposeB });
}

export const linearOperator: Operator = {
  name: "linear",
  infer([x, weight, bias]) {
    const [inputs, outputs] = weight!.shape;
    if ([x, weight, bias].some((operand) => operand!.dtype !== "float")) throw "expected floats";
    if (x!.shape.length !== 2 || weight!.shape.length !== 2)
      throw "expected x (rows, inputs) and weight (inputs, outputs)";
    if (x!.shape[1] !== inputs) throw `x has ${x!.shape[1]} columns, the weight takes ${inputs}`;
    if (!sameShape(bias!.shape, [outputs!])) throw `expected a bias of shape (${outputs},)`;
    return { shape: [x!.shape[0]!, outputs!], dtype: "float" };
  },
  // dx = dy·Wᵀ, dW = xᵀ·dy, db = Σ dy over the rows
  gradient: (node, dy) => {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor];
    return [matmul(dy, weight, { transposeB: true }), matmul(x, dy, { transposeA: true }), sumTo(dy, bias.shape)];
  },
  lower: (node, emit) =>
    emit.node(
      "Gemm",
      node.inputs.map((x) => emit.value(x)),
    ),
};

/** x·W + b: (rows, inputs), (inputs, outputs), (outputs) → (rows, outputs). */
export function linear(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return apply(linearOperator, [x, weight, bias]);
}
