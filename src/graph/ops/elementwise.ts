import { broadcastShapes, formatShape } from "../shape.ts";
import { apply, constant, type Emitter, type OnnxAttribute, type Operator, type Tensor } from "../tensor.ts";
import { beforeExpand, sumTo } from "./structure.ts";

/* What the families of elementwise operators have in common. In their gradients y is the node itself, dy its gradient. */

type UnaryGradient = (x: Tensor, dy: Tensor, y: Tensor) => Tensor;

export function unary(
  name: string,
  gradient: UnaryGradient,
  lower: string | ((x: string, emit: Emitter, node: Tensor) => string),
  onnxAttributes: Readonly<Record<string, OnnxAttribute>> = {},
): Operator {
  return {
    name,
    infer: ([x]) => {
      if (x!.dtype !== "float") throw `expected floats, got ${x!.dtype}`;
      return { shape: x!.shape, dtype: "float" };
    },
    gradient: (node, dy) => [gradient(node.inputs[0]!, dy, node)],
    lower: (node, emit) => {
      const x = emit.value(node.inputs[0]!);
      return typeof lower === "string" ? emit.node(lower, [x], onnxAttributes) : lower(x, emit, node);
    },
  };
}

export function binary(
  name: string,
  onnx: string,
  gradient: (a: Tensor, b: Tensor, dy: Tensor, y: Tensor) => [Tensor, Tensor],
): Operator {
  return {
    name,
    infer: ([a, b]) => {
      const shape = broadcastShapes(a!.shape, b!.shape);
      if (!shape) throw `cannot broadcast ${formatShape(a!.shape)} with ${formatShape(b!.shape)}`;
      if (a!.dtype !== b!.dtype || a!.dtype === "bool")
        throw `expected two of one number type, got ${a!.dtype} and ${b!.dtype}`;
      return { shape, dtype: a!.dtype };
    },
    gradient: (node, dy) => {
      const [a, b] = node.inputs as [Tensor, Tensor];
      const [da, db] = gradient(a, b, dy, node);
      return [sumTo(da, a.shape), sumTo(db, b.shape)];
    },
    lower: (node, emit) =>
      emit.node(
        onnx,
        node.inputs.map((x) => emit.value(x)),
      ),
  };
}

/** A number stands for a constant wherever a tensor is expected. */
export type Operand = Tensor | number;
export const asTensor = (x: Operand): Tensor => (typeof x === "number" ? constant(x) : x);

/** The operator as a function, which goes before an expansion instead of after it. */
export const call =
  (operator: Operator) =>
  (x: Tensor): Tensor =>
    beforeExpand(x, (unexpanded) => apply(operator, [unexpanded]));

/** c₀ + c₁x + c₂x² + …, by Horner's rule. */
export function polynomial(emit: Emitter, x: string, coefficients: readonly number[]): string {
  const [first, ...rest] = coefficients.toReversed().map((c) => emit.scalar(c)) as [string, ...string[]];
  return rest.reduce((sum, c) => emit.node("Add", [emit.node("Mul", [sum, x]), c]), first);
}
