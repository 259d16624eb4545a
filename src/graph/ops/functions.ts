import { add, div, mul, neg, square, sub } from "./arithmetic.ts";
import { call, unary } from "./elementwise.ts";

/* Functions of one variable. */

export const expOperator = unary("exp", (_x, dy, y) => mul(dy, y), "Exp");
export const logOperator = unary("log", (x, dy) => div(dy, x), "Log");
export const tanhOperator = unary("tanh", (_x, dy, y) => mul(dy, sub(1, square(y))), "Tanh");
// σ' = σ·(1 − σ)
export const sigmoidOperator = unary("sigmoid", (_x, dy, y) => mul(dy, mul(y, sub(1, y))), "Sigmoid");
export const sinOperator = unary("sin", (x, dy) => mul(dy, cos(x)), "Sin");
export const cosOperator = unary("cos", (x, dy) => neg(mul(dy, sin(x))), "Cos");
/*
 * log(1 + x) = log u − ((u − 1) − x)/u, where u is 1 + x rounded: the quotient takes back, to first order, what the
 * rounding changed (Kahan). It matters near 0 alone; elsewhere c = clip(x, −1/2, 1) makes it exactly 0.
 */
export const log1pOperator = unary(
  "log1p",
  (x, dy) => div(dy, add(x, 1)),
  (x, emit) => {
    const one = emit.scalar(1);
    const c = emit.node("Min", [emit.node("Max", [x, emit.scalar(-0.5)]), one]);
    const u = emit.node("Add", [c, one]);
    const rounding = emit.node("Div", [emit.node("Sub", [emit.node("Sub", [u, one]), c]), u]);
    return emit.node("Sub", [emit.node("Log", [emit.node("Add", [x, one])]), rounding]);
  },
);
/*
 * e^x − 1 = (e^x − e^c) + 2t/(1 − t), where c = clip(x, −1, 1) and t = tanh(c/2): near 0 the difference is exactly 0 and
 * the quotient, which is e^c − 1, loses no digits.
 */
export const expm1Operator = unary(
  "expm1",
  (x, dy) => mul(dy, exp(x)),
  (x, emit) => {
    const one = emit.scalar(1);
    const c = emit.node("Min", [emit.node("Max", [x, emit.scalar(-1)]), one]);
    const t = emit.node("Tanh", [emit.node("Mul", [c, emit.scalar(0.5)])]);
    const near = emit.node("Div", [emit.node("Add", [t, t]), emit.node("Sub", [one, t])]);
    return emit.node("Add", [emit.node("Sub", [emit.node("Exp", [x]), emit.node("Exp", [c])]), near]);
  },
);

export const exp = call(expOperator);
export const log = call(logOperator);
export const tanh = call(tanhOperator);
export const sigmoid = call(sigmoidOperator);
export const sin = call(sinOperator);
export const cos = call(cosOperator);
/** log(1 + x), exact near 0 too. */
export const log1p = call(log1pOperator);
/** e^x − 1, exact near 0 too. */
export const expm1 = call(expm1Operator);
