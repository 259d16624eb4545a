import { broadcastShapes, formatShape } from "../shape.ts";
import { apply, type Operator, type Tensor } from "../tensor.ts";
import { asTensor, call, type Operand } from "./elementwise.ts";
import { expand, sumTo } from "./structure.ts";

/* Comparison, choice and conversion. */

function comparison(name: string, onnx: string): Operator {
  return {
    name,
    infer: ([a, b]) => {
      const shape = broadcastShapes(a!.shape, b!.shape);
      if (!shape) throw `cannot broadcast ${formatShape(a!.shape)} with ${formatShape(b!.shape)}`;
      if (a!.dtype !== b!.dtype) throw `expected two of one type, got ${a!.dtype} and ${b!.dtype}`;
      if (a!.dtype === "bool" && name !== "equal") throw "truth values have no order";
      return { shape, dtype: "bool" };
    },
    gradient: { none: "a truth value has no derivative" },
    lower: (node, emit) =>
      emit.node(
        onnx,
        node.inputs.map((x) => emit.value(x)),
      ),
  };
}

export const greaterOperator = comparison("greater", "Greater");
export const greaterOrEqualOperator = comparison("greaterOrEqual", "GreaterOrEqual");
export const lessOperator = comparison("less", "Less");
export const lessOrEqualOperator = comparison("lessOrEqual", "LessOrEqual");
export const equalOperator = comparison("equal", "Equal");

const compare =
  (operator: Operator) =>
  (a: Operand, b: Operand): Tensor =>
    apply(operator, [asTensor(a), asTensor(b)]);

export const greater = compare(greaterOperator);
export const greaterOrEqual = compare(greaterOrEqualOperator);
export const less = compare(lessOperator);
export const lessOrEqual = compare(lessOrEqualOperator);
export const equal = compare(equalOperator);

export const whereOperator: Operator = {
  name: "where",
  infer([condition, a, b]) {
    const branches = broadcastShapes(a!.shape, b!.shape);
    const shape = branches && broadcastShapes(condition!.shape, branches);
    if (!shape) throw "the condition and the two branches do not broadcast together";
    if (condition!.dtype !== "bool") throw `expected a bool condition, got ${condition!.dtype}`;
    if (a!.dtype !== b!.dtype) throw `expected two branches of one type, got ${a!.dtype} and ${b!.dtype}`;
    return { shape, dtype: a!.dtype };
  },
  // dy flows to the branch that was taken
  gradient: (node, dy) => {
    const [condition, a, b] = node.inputs as [Tensor, Tensor, Tensor];
    const full = expand(dy, node);
    return [undefined, sumTo(where(condition, full, 0), a.shape), sumTo(where(condition, 0, full), b.shape)];
  },
  lower: (node, emit) =>
    emit.node(
      "Where",
      node.inputs.map((x) => emit.value(x)),
    ),
};

/** a where the condition holds, else b. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return apply(whereOperator, [condition, asTensor(a), asTensor(b)]);
}

const cast = (name: string, to: "float" | "int"): Operator => ({
  name,
  infer: ([x]) => ({ shape: x!.shape, dtype: to }),
  gradient: { none: "its input or its output is no float" },
  lower: (node, emit) => emit.node("Cast", [emit.value(node.inputs[0]!)], { to: { int: emit.typeCode(to) } }),
});

export const asFloatOperator = cast("asFloat", "float");
export const asIntOperator = cast("asInt", "int");

/** Truth values or integers as floats; floats as they are. */
export const asFloat = (x: Tensor): Tensor => (x.dtype === "float" ? x : call(asFloatOperator)(x));
/** Truth values or floats as integers (towards 0); integers as they are. */
export const asInt = (x: Tensor): Tensor => (x.dtype === "int" ? x : call(asIntOperator)(x));
