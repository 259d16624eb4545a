import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import {
  apply,
  constant,
  type Emitter,
  type OnnxAttribute,
  type Operator,
  scalarValue,
  type Tensor,
} from "../tensor.ts";
import { beforeExpand, expand, expandOperator, sumTo } from "./structure.ts";

/* Elementwise operators. The formula of each gradient stands beside it; y is the node itself, dy its gradient. */

type UnaryGradient = (x: Tensor, dy: Tensor, y: Tensor) => Tensor;

function unary(
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

function binary(
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
const tensor = (x: Operand): Tensor => (typeof x === "number" ? constant(x) : x);

/** The operands as tensors; one that was only expanded to the other's shape is used unexpanded, at no cost. */
function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  const [x, y] = [tensor(a), tensor(b)];
  if (!sameShape(x.shape, y.shape)) return [x, y];
  if (x.operator === expandOperator) return [x.inputs[0]!, y];
  return [x, y.operator === expandOperator ? y.inputs[0]! : y];
}

/**
 * The operator applied; with a constant, before an expansion instead of after it, which computes less: a standard
 * deviation that all elements share stays one number.
 */
function arithmetic(operator: Operator, x: Tensor, y: Tensor): Tensor {
  const inside = (constant: Tensor, full: Tensor) =>
    scalarValue(constant) !== undefined && constant.shape.length <= full.shape.length;
  if (inside(y, x)) return beforeExpand(x, (unexpanded) => apply(operator, [unexpanded, y]));
  if (inside(x, y)) return beforeExpand(y, (unexpanded) => apply(operator, [x, unexpanded]));
  return apply(operator, [x, y]);
}

/** Whether x is this number throughout and broadcasts into y's shape, so that the operation can be left out. */
function isNumber(x: Tensor, value: number, y: Tensor): boolean {
  return scalarValue(x) === value && x.shape.length <= y.shape.length;
}

// ---- arithmetic

export const addOperator = binary("add", "Add", (_a, _b, dy) => [dy, dy]);
export const subOperator = binary("sub", "Sub", (_a, _b, dy) => [dy, neg(dy)]);
export const mulOperator = binary("mul", "Mul", (a, b, dy) => [mul(dy, b), mul(dy, a)]);
// d(a/b) = da/b − db·(a/b)/b
export const divOperator = binary("div", "Div", (_a, b, dy, y) => [div(dy, b), neg(div(mul(dy, y), b))]);
// Where a = b the gradient goes to the first operand, so that the two always add up to dy.
export const maximumOperator = binary("maximum", "Max", (a, b, dy) => [
  mul(dy, asFloat(greaterOrEqual(a, b))),
  mul(dy, asFloat(less(a, b))),
]);
export const minimumOperator = binary("minimum", "Min", (a, b, dy) => [
  mul(dy, asFloat(lessOrEqual(a, b))),
  mul(dy, asFloat(greater(a, b))),
]);

export function add(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  if (isNumber(x, 0, y)) return y;
  if (isNumber(y, 0, x)) return x;
  return arithmetic(addOperator, x, y);
}

export function sub(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  if (isNumber(y, 0, x)) return x;
  return arithmetic(subOperator, x, y);
}

export function mul(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  if (isNumber(x, 1, y)) return y;
  if (isNumber(y, 1, x)) return x;
  if (isNumber(x, -1, y)) return neg(y);
  if (isNumber(y, -1, x)) return neg(x);
  return arithmetic(mulOperator, x, y);
}

export function div(a: Operand, b: Operand): Tensor {
  const [x, y] = operands(a, b);
  const divisor = y.shape.length <= x.shape.length ? scalarValue(y) : undefined;
  // A product is cheaper than a quotient, and the same to the bit where the divisor is a power of two.
  if (divisor !== undefined && Number.isInteger(Math.log2(Math.abs(divisor)))) return mul(x, 1 / divisor);
  return arithmetic(divOperator, x, y);
}

export function maximum(a: Operand, b: Operand): Tensor {
  return apply(maximumOperator, [tensor(a), tensor(b)]);
}

export function minimum(a: Operand, b: Operand): Tensor {
  return apply(minimumOperator, [tensor(a), tensor(b)]);
}

/** x held within [low, high]; no gradient outside. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return minimum(maximum(x, low), high);
}

// ---- functions of one variable

export const negOperator: Operator = {
  ...unary("neg", (_x, dy) => neg(dy), "Neg"),
  // −(−x) = x
  lower(node, emit) {
    const x = node.inputs[0]!;
    return x.operator === negOperator ? emit.value(x.inputs[0]!) : emit.node("Neg", [emit.value(x)]);
  },
};
export const absOperator = unary("abs", (x, dy) => mul(dy, sign(x)), "Abs");
export const signOperator: Operator = {
  ...unary("sign", (_x, dy) => dy, "Sign"),
  gradient: { none: "piecewise constant: its derivative is 0 wherever it exists" },
};
export const expOperator = unary("exp", (_x, dy, y) => mul(dy, y), "Exp");
export const logOperator = unary("log", (x, dy) => div(dy, x), "Log");
export const sqrtOperator = unary("sqrt", (_x, dy, y) => div(mul(dy, 0.5), y), "Sqrt");
export const squareOperator = unary(
  "square",
  (x, dy) => mul(dy, mul(x, 2)),
  (x, emit) => emit.node("Mul", [x, x]),
);
export const reciprocalOperator = unary("reciprocal", (_x, dy, y) => neg(mul(dy, square(y))), "Reciprocal");
export const tanhOperator = unary("tanh", (_x, dy, y) => mul(dy, sub(1, square(y))), "Tanh");
// σ' = σ·(1 − σ)
export const sigmoidOperator = unary("sigmoid", (_x, dy, y) => mul(dy, mul(y, sub(1, y))), "Sigmoid");
// The sign of y is 1 where x > 0 and else 0; it is vectorized in ONNX Runtime, a comparison followed by Where is not.
export const reluOperator = unary("relu", (_x, dy, y) => mul(dy, sign(y)), "Relu");
/*
 * ELU(x) = x for x > 0, e^x − 1 below; its derivative is 1 above and e^x = y + 1 below, which is min(y, 0) + 1 for both.
 * Built from operators that exist in float64 too: relu(x) + e^min(x, 0) − 1.
 */
export const eluOperator = unary(
  "elu",
  (_x, dy, y) => mul(dy, add(minimum(y, 0), 1)),
  (x, emit) => {
    const below = emit.node("Exp", [emit.node("Min", [x, emit.scalar(0)])]);
    return emit.node("Add", [emit.node("Relu", [x]), emit.node("Sub", [below, emit.scalar(1)])]);
  },
);
/*
 * softplus(x) = log(1 + e^x) = relu(x) − log σ(|x|). σ(|x|) lies in [0.5, 1], so nothing overflows and the logarithm
 * stays exact to 2e-7 absolute (a float32 far below 0 may come out as −1.2e-7, for ONNX Runtime's σ may exceed 1 by one
 * unit); ONNX Runtime's own Softplus is scalar code and five times as slow.
 */
export const softplusOperator = unary(
  "softplus",
  (x, dy) => mul(dy, sigmoid(x)),
  (x, emit) => {
    const logistic = emit.node("Sigmoid", [emit.node("Abs", [x])]);
    return emit.node("Sub", [emit.node("Relu", [x]), emit.node("Log", [logistic])]);
  },
);

const call =
  (operator: Operator) =>
  (x: Tensor): Tensor =>
    beforeExpand(x, (unexpanded) => apply(operator, [unexpanded]));

export const neg = call(negOperator);
export const abs = call(absOperator);
export const sign = call(signOperator);
export const exp = call(expOperator);
export const log = call(logOperator);
export const sqrt = call(sqrtOperator);
export const square = call(squareOperator);
export const reciprocal = call(reciprocalOperator);
export const tanh = call(tanhOperator);
export const sigmoid = call(sigmoidOperator);
export const relu = call(reluOperator);
export const elu = call(eluOperator);
export const softplus = call(softplusOperator);

/** x·σ(x) (Elfwing et al. 2018; also called swish). */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

// ---- comparison and choice

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
    apply(operator, [tensor(a), tensor(b)]);

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
  return apply(whereOperator, [condition, tensor(a), tensor(b)]);
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
