import type { Emitter } from "../tensor.ts";
import { polynomial } from "./elementwise.ts";

/*
 * The logarithm of the gamma function and its derivatives for positive arguments, from operators that exist in both
 * precisions (Abramowitz & Stegun, chapter 6):
 *
 *   below 3.5   its power series around 2 (6.1.33), of z in −½…½, after log Γ(x + 1) = log Γ(x) + log x
 *   above       Stirling's series (6.1.41), in float64 at x + 8 where x < 10, by the same recurrence
 *
 * Each derivative is that of every part. The factors z of the series, and log x near 1, keep the relative error small
 * around the zeros of log Γ at 1 and 2.
 */

/** The `order`-th derivative of log Γ: 0 is lgamma, 1 digamma, 2 trigamma. */
export function gammaDerivative(x: string, order: number, emit: Emitter): string {
  const scalar = (value: number) => emit.scalar(value);
  const less = (limit: number) => emit.node("Less", [x, scalar(limit)]);
  const where = (condition: string, a: string, b: string) => emit.node("Where", [condition, a, b]);
  const plus = (value: string, number: number) => emit.node("Add", [value, scalar(number)]);
  const logOf = (value: string) => logDerivative(value, order, emit);
  const zero = scalar(0);

  // Near: x = centre + z.
  const centre = emit.node("Min", [emit.node("Floor", [plus(x, 0.5)]), scalar(3)]);
  const series = polynomial(emit, emit.node("Sub", [x, centre]), aroundTwo(order, emit.precision));
  const twoBelow = emit.node("Neg", [emit.node("Add", [logOf(x), logOf(plus(x, 1))])]);
  const oneBelow = emit.node("Neg", [logOf(x)]);
  const shift = where(less(0.5), twoBelow, where(less(1.5), oneBelow, where(less(2.5), zero, logOf(plus(x, -1)))));
  const near = emit.node("Add", [series, shift]);

  let far = stirling(x, order, emit);
  if (emit.precision === "float64") {
    const steps = Array.from({ length: 8 }, (_, i) => logOf(plus(x, i)));
    const all = steps.reduce((sum, step) => emit.node("Add", [sum, step]));
    const low = less(10);
    far = emit.node("Sub", [stirling(where(low, plus(x, 8), x), order, emit), where(low, all, zero)]);
  }
  return where(less(0), scalar(Number.NaN), where(less(3.5), near, far));
}

/** The derivative of log x: (−1)ⁿ⁻¹ (n − 1)!/xⁿ. */
function logDerivative(x: string, order: number, emit: Emitter): string {
  if (order === 0) return emit.node("Log", [x]);
  return scaled(power(emit.node("Reciprocal", [x]), order, emit), -sign(order) * factorial(order - 1), emit);
}

/** log Γ(x) ~ (x − ½)·log x − x + ½·log 2π + Σ B₂ₖ/(2k(2k − 1)·x²ᵏ⁻¹), differentiated. */
function stirling(x: string, order: number, emit: Emitter): string {
  const inverse = emit.node("Reciprocal", [x]);
  const coefficients = bernoulli.map((b, i) => sign(order) * b * ratioOfFactorials(2 * i + order, 2 * i + 2));
  const tail = polynomial(emit, emit.node("Mul", [inverse, inverse]), coefficients);
  const rest = emit.node("Mul", [tail, power(inverse, order + 1, emit)]);
  const log = order < 2 ? emit.node("Log", [x]) : "";
  if (order === 0) {
    // (x − ½)·(log x − 1) overflows no sooner than its value does, and is ∞ at ∞.
    const a = emit.node("Sub", [x, emit.scalar(0.5)]);
    const b = emit.node("Sub", [log, emit.scalar(1)]);
    const constant = emit.scalar(0.5 * Math.log(2 * Math.PI) - 0.5);
    return emit.node("Add", [emit.node("Mul", [a, b]), emit.node("Add", [constant, rest])]);
  }
  const half = scaled(power(inverse, order, emit), (sign(order) * factorial(order - 1)) / 2, emit);
  const head = order === 1 ? log : scaled(power(inverse, order - 1, emit), sign(order) * factorial(order - 2), emit);
  return emit.node("Add", [head, emit.node("Add", [half, rest])]);
}

/** log Γ(2 + z) = (1 − γ)·z + Σₖ (−1)ᵏ (ζ(k) − 1)/k·zᵏ, differentiated; as many terms as count for |z| ≤ ½. */
function aroundTwo(order: number, precision: "float32" | "float64"): number[] {
  const count = precision === "float32" ? 14 + 3 * order : 28 + 4 * order;
  const coefficients = Array.from({ length: count }, (_, k) => {
    if (k < 2) return k * (1 - eulerGamma);
    return (sign(k) * zetaMinusOne(k)) / k;
  });
  return coefficients.map((c, k) => (k < order ? 0 : c * ratioOfFactorials(k, k - order))).slice(order);
}

const eulerGamma = 0.5772156649015329;

/** B₂, B₄, … B₂₀ */
const bernoulli: readonly number[] = [
  1 / 6,
  -1 / 30,
  1 / 42,
  -1 / 30,
  5 / 66,
  -691 / 2730,
  7 / 6,
  -3617 / 510,
  43867 / 798,
  -174611 / 330,
];

/** ζ(k) − 1 = 2⁻ᵏ + 3⁻ᵏ + …, from the tenth term on by the Euler-Maclaurin formula. */
function zetaMinusOne(k: number): number {
  const n = 10;
  let term = (k / 2) * n ** (-k - 1);
  let total = n ** (1 - k) / (k - 1) + n ** -k / 2;
  for (const [i, b] of bernoulli.entries()) {
    total += b * term;
    term *= ((k + 2 * i + 1) * (k + 2 * i + 2)) / ((2 * i + 3) * (2 * i + 4) * n * n);
  }
  for (let i = n - 1; i >= 2; i--) total += i ** -k;
  return total;
}

const sign = (order: number): number => (order % 2 === 0 ? 1 : -1);

/** a!/b! */
function ratioOfFactorials(a: number, b: number): number {
  let ratio = 1;
  for (let i = b + 1; i <= a; i++) ratio *= i;
  for (let i = a + 1; i <= b; i++) ratio /= i;
  return ratio;
}

const factorial = (n: number): number => ratioOfFactorials(n, 0);

const scaled = (x: string, factor: number, emit: Emitter): string =>
  factor === 1 ? x : emit.node("Mul", [x, emit.scalar(factor)]);

function power(x: string, exponent: number, emit: Emitter): string {
  return Array.from({ length: exponent - 1 }).reduce<string>((product) => emit.node("Mul", [product, x]), x);
}
