import { formatShape, sameShape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { sumTo } from "./structure.ts";

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
    const rank = a!.shape.length;
    if (rank < 2 || b!.shape.length !== rank) throw "expected two operands of one rank, 2 or more";
    const [m, k] = transposeA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const [inner, n] = transposeB ? [b!.shape.at(-1)!, b!.shape.at(-2)!] : [b!.shape.at(-2)!, b!.shape.at(-1)!];
    if (k !== inner) throw `inner dimensions differ: ${k} and ${inner}`;
    const lead = a!.shape.slice(0, -2);
    if (!sameShape(lead, b!.shape.slice(0, -2)))
      throw `leading dimensions differ: ${formatShape(lead)} and ${formatShape(b!.shape.slice(0, -2))}`;
    return { shape: [...lead, m, n], dtype: "float" };
  },
  // C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC; a transposed operand's gradient is the transpose of that.
  gradient: (node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const { transposeA, transposeB } = node.attributes as Transposed;
    const da = transposeA
      ? matmul(b, dy, { transposeA: transposeB ?? false, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB });
    const db = transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA ?? false })
      : matmul(a, dy, { transposeA: !transposeA });
    return [da, db];
  },
  lower(node, emit) {
    const [a, b] = node.inputs.map((x) => emit.value(x)) as [string, string];
    const { transposeA, transposeB } = node.attributes as Transposed;
    const rank = node.shape.length;
    // Gemm takes transposed operands as they lie; MatMul, which batched products need, does not.
    if (rank === 2)
      return emit.node("Gemm", [a, b], { transA: { int: flag(transposeA) }, transB: { int: flag(transposeB) } });
    const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    const swap = (x: string, transposed: boolean | undefined) =>
      transposed ? emit.node("Transpose", [x], { perm: { ints: perm } }) : x;
    return emit.node("MatMul", [swap(a, transposeA), swap(b, transposeB)]);
  },
};

/** Product of matrices, (…, m, k)·(…, k, n) → (…, m, n), either operand transposed on request. */
export function matmul(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: Transposed = {}): Tensor {
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
