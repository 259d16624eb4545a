import { sameShape } from "../shape.ts";
import { apply, constant, type Operator, scalarValue, shapeError, type Tensor } from "../tensor.ts";
import { asFloat, greater, greaterOrEqual, less, lessOrEqual } from "./comparison.ts";
import { asTensor, binary, call, type Operand, unary } from "./elementwise.ts";
import { beforeExpand, expand, expandOperator } from "./structure.ts";

/* Arithmetic. */

/** The operands as tensors; one that was only expanded to the other's shape is used unexpanded, at no cost. */
function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  const [x, y] = [asTensor(a), asTensor(b)];
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
  return apply(maximumOperator, [asTensor(a), asTensor(b)]);
}

export function minimum(a: Operand, b: Operand): Tensor {
  return apply(minimumOperator, [asTensor(a), asTensor(b)]);
}

/** x held within [low, high]; no gradient outside. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return minimum(maximum(x, low), high);
}

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
export const sqrtOperator = unary("sqrt", (_x, dy, y) => div(mul(dy, 0.5), y), "Sqrt");
export const squareOperator = unary(
  "square",
  (x, dy) => mul(dy, mul(x, 2)),
  (x, emit) => emit.node("Mul", [x, x]),
);
export const reciprocalOperator = unary("reciprocal", (_x, dy, y) => neg(mul(dy, square(y))), "Reciprocal");
// d xᵖ = p·xᵖ⁻¹
export const powOperator = unary(
  "pow",
  (x, dy, { attributes }) => mul(dy, mul(pow(x, (attributes.exponent as number) - 1), attributes.exponent as number)),
  (x, emit, { attributes }) => emit.node("Pow", [x, emit.scalar(attributes.exponent as number)]),
);

export const neg = call(negOperator);
export const abs = call(absOperator);
export const sign = call(signOperator);
export const sqrt = call(sqrtOperator);
export const square = call(squareOperator);
export const reciprocal = call(reciprocalOperator);

/** x to a constant power. A negative x has no real power but a whole one: NaN. */
export function pow(x: Tensor, exponent: number): Tensor {
  if (!Number.isFinite(exponent)) throw shapeError("pow", `expected a finite exponent, got ${exponent}`, [x]);
  const simple: Readonly<Record<number, () => Tensor>> = {
    [-1]: () => reciprocal(x),
    0: () => expand(constant(1), x),
    0.5: () => sqrt(x),
    1: () => x,
    2: () => square(x),
  };
  return simple[exponent]?.() ?? beforeExpand(x, (unexpanded) => apply(powOperator, [unexpanded], { exponent }));
}
