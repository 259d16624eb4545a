import { broadcastShapes, type Dim, foldAxes, formatShape, sameShape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { reshape, sum, sumTo, swappedFrom } from "./structure.ts";

/* Matrix products, and layers made of them. */

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

interface LinearAttributes {
  readonly featuresFirst?: boolean;
  readonly transposeX?: boolean;
}

/**
 * Rows first: x·W + b, with W (inputs, outputs). Features first: W·xᵀ + b, with W (outputs, inputs) and a number of b for
 * each row. x is given (rows, inputs), or (inputs, rows) with `transposeX`.
 */
export const linearOperator: Operator = {
  name: "linear",
  infer([x, weight, bias], { featuresFirst, transposeX }) {
    if ([x, weight, bias].some((operand) => operand!.dtype !== "float")) throw "expected floats";
    const order = featuresFirst ? "(outputs, inputs)" : "(inputs, outputs)";
    if (x!.shape.length !== 2 || weight!.shape.length !== 2) throw `expected x (rows, inputs) and weight ${order}`;
    const [inputs, outputs] = featuresFirst ? [weight!.shape[1]!, weight!.shape[0]!] : (weight!.shape as [Dim, Dim]);
    const [rows, columns] = transposeX ? [x!.shape[1]!, x!.shape[0]!] : (x!.shape as [Dim, Dim]);
    if (columns !== inputs) throw `x has ${columns} columns, the weight takes ${inputs}`;
    if (!sameShape(bias!.shape, [outputs])) throw `expected a bias of shape (${outputs},)`;
    return { shape: featuresFirst ? [outputs, rows] : [rows, outputs], dtype: "float" };
  },
  // Rows first: dx = dy·Wᵀ, dW = xᵀ·dy, db = Σ dy over the rows. Features first: dx = dyᵀ·W, dW = dy·x, db likewise.
  gradient: (node, dy) => {
    const [x, weight] = node.inputs as [Tensor, Tensor, Tensor];
    const { featuresFirst, transposeX: transposed = false } = node.attributes as LinearAttributes;
    if (featuresFirst)
      return [
        transposed ? matmul(weight, dy, { transposeA: true }) : matmul(dy, weight, { transposeA: true }),
        matmul(dy, x, { transposeB: transposed }),
        sum(dy, [1]),
      ];
    return [
      transposed ? matmul(weight, dy, { transposeB: true }) : matmul(dy, weight, { transposeB: true }),
      matmul(x, dy, { transposeA: !transposed }),
      sum(dy, [0]),
    ];
  },
  lower(node, emit) {
    const [x, weight, bias] = node.inputs.map((operand) => emit.value(operand)) as [string, string, string];
    const { featuresFirst, transposeX = false } = node.attributes as LinearAttributes;
    if (!featuresFirst) return emit.node("Gemm", [x, weight, bias], { transA: { int: flag(transposeX) } });
    const column = emit.node("Unsqueeze", [bias, emit.ints([1])]); // (outputs, 1)
    return emit.node("Gemm", [weight, x, column], { transB: { int: flag(!transposeX) } });
  },
};

/** x·W + b: (rows, inputs), (inputs, outputs), (outputs) → (rows, outputs). */
export function linear(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [operand, transposeX] = asItLies(x);
  return apply(linearOperator, [operand, weight, bias], { transposeX });
}

/**
 * W·xᵀ + b: (rows, inputs), (outputs, inputs), (outputs) → (outputs, rows). ONNX Runtime reads the first operand of a
 * product as it lies and packs the second anew each time, so that the larger one, the weight, had better be the first.
 */
export function linearFeaturesFirst(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [operand, transposeX] = asItLies(x);
  return apply(linearOperator, [operand, weight, bias], { featuresFirst: true, transposeX });
}

/** A matrix, and whether it is to be transposed: products need not carry out what a transpose asks for. */
function asItLies(x: Tensor): readonly [Tensor, boolean] {
  const swapped = swappedFrom(x);
  return swapped ? [swapped, true] : [x, false];
}
