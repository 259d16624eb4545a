import type { Emitter, Tensor } from "../tensor.ts";
import { apply, shapeError } from "../tensor.ts";
import { add, mul, neg, square } from "./arithmetic.ts";
import { call, polynomial, unary } from "./elementwise.ts";
import { exp } from "./functions.ts";
import { gammaDerivative } from "./gamma.ts";
import { beforeExpand } from "./structure.ts";

/* Special functions, which ONNX lacks, or ONNX Runtime in float64. */

// erf′ = 2/√π·e^(−x²)
export const erfOperator = unary(
  "erf",
  (x, dy) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
  (x, emit) => (emit.precision === "float32" ? emit.node("Erf", [x]) : erf64(x, emit)),
);
// log Γ′ = ψ
export const lgammaOperator = unary(
  "lgamma",
  (x, dy) => mul(dy, digamma(x)),
  (x, emit) => gammaDerivative(x, 0, emit),
);
export const digammaOperator = unary(
  "digamma",
  (x, dy) => mul(dy, polygamma(x, 1)),
  (x, emit) => gammaDerivative(x, 1, emit),
);
// ψ⁽ⁿ⁾′ = ψ⁽ⁿ⁺¹⁾
export const polygammaOperator = unary(
  "polygamma",
  (x, dy, { attributes }) => mul(dy, polygamma(x, (attributes.order as number) + 1)),
  (x, emit, { attributes }) => gammaDerivative(x, (attributes.order as number) + 1, emit),
);

/** The error function, 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = call(erfOperator);
/** log Γ(x) for positive x; ∞ at 0, NaN below. Relative error 1e-13 in float64, some 5e-7 in float32. */
export const lgamma = call(lgammaOperator);
/** ψ(x) = d log Γ(x)/dx for positive x; −∞ at 0, NaN below. As exact as lgamma, but near its zero, at 1.46, absolutely so. */
export const digamma = call(digammaOperator);

/** ψ⁽ⁿ⁾(x), the n-th derivative of digamma, for positive x and n ≥ 1; n = 1 is called trigamma. */
export function polygamma(x: Tensor, order: number): Tensor {
  if (!Number.isInteger(order) || order < 1)
    throw shapeError("polygamma", `expected a whole order of 1 or more, got ${order}; order 0 is digamma`, [x]);
  return beforeExpand(x, (unexpanded) => apply(polygammaOperator, [unexpanded], { order }));
}

/** x·Φ(x) = x·(1 + erf(x/√2))/2, not its approximation by tanh (Hendrycks & Gimpel 2016). */
export function gelu(x: Tensor): Tensor {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
}

/** erf in float64, which has no kernel of its own: W. J. Cody's rational approximations (1969), exact to 1e-16. */
function erf64(x: string, emit: Emitter): string {
  const ratio = (t: string, over: readonly number[], under: readonly number[]): string =>
    emit.node("Div", [polynomial(emit, t, over), polynomial(emit, t, under)]);
  const size = emit.node("Abs", [x]);
  const near = emit.node("Mul", [x, ratio(emit.node("Mul", [x, x]), ...codyNear)]);
  // 1 − erfc; beyond 6 the difference is below rounding, and a large number would overflow.
  const t = emit.node("Min", [size, emit.scalar(6)]);
  const gauss = emit.node("Exp", [emit.node("Neg", [emit.node("Mul", [t, t])])]);
  const erfc = emit.node("Mul", [gauss, ratio(t, ...codyFar)]);
  const far = emit.node("Mul", [emit.node("Sign", [x]), emit.node("Sub", [emit.scalar(1), erfc])]);
  return emit.node("Where", [emit.node("Less", [size, emit.scalar(0.46875)]), near, far]);
}

/* Numerators and denominators, constant term first. Up to 0.46875 a ratio of polynomials in x², beyond in x. */

const codyNear = [
  [3209.377589138469, 377.485237685302, 113.86415415105016, 3.1611237438705655, 0.18577770618460315],
  [2844.236833439171, 1282.6165260773723, 244.02463793444417, 23.601290952344122, 1],
] as const;

const codyFar = [
  [
    1230.3393547979972, 2051.0783778260716, 1712.0476126340707, 881.952221241769, 298.6351381974001, 66.11919063714163,
    8.883149794388375, 0.5641884969886701, 2.1531153547440383e-8,
  ],
  [
    1230.3393548037493, 3439.3676741437216, 4362.619090143247, 3290.7992357334597, 1621.3895745666903,
    537.1811018620099, 117.6939508913125, 15.744926110709835, 1,
  ],
] as const;
