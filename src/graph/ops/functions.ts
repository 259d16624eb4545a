import { div, mul, square, sub } from "./arithmetic.ts";
import { call, unary } from "./elementwise.ts";

/* Functions of one variable. */

export const expOperator = unary("exp", (_x, dy, y) => mul(dy, y), "Exp");
export const logOperator = unary("log", (x, dy) => div(dy, x), "Log");
export const tanhOperator = unary("tanh", (_x, dy, y) => mul(dy, sub(1, square(y))), "Tanh");
// σ' = σ·(1 − σ)
export const sigmoidOperator = unary("sigmoid", (_x, dy, y) => mul(dy, mul(y, sub(1, y))), "Sigmoid");

export const exp = call(expOperator);
export const log = call(logOperator);
export const tanh = call(tanhOperator);
export const sigmoid = call(sigmoidOperator);
