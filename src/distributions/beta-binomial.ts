import { add, clip, div, maximum, mul, neg, sub } from "../graph/ops/arithmetic.ts";
import { asInt } from "../graph/ops/comparison.ts";
import { exp, log, log1p, sigmoid } from "../graph/ops/functions.ts";
import { gather } from "../graph/ops/select.ts";
import { expand } from "../graph/ops/structure.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import { accumulated, column, wholeNumbers } from "./counts.ts";
import type { Distribution } from "./distribution.ts";
import { stirlingError } from "./stirling.ts";

/** Added to α and β, which are then never 0. */
const leastShape = 1e-6;

/**
 * Independent beta-binomial counts 0…n (Skellam 1948): p(k) = C(n, k)·B(k + α, n − k + β)/B(α, β), a binomial whose
 * probability has the distribution Beta(α, β), with α = c·σ(l) and β = c·σ(−l), l the logits of the mean k/n and
 * c = e^logConcentration, held within e⁻¹⁰ and e¹⁵. Both (batch, ...event), or shapes that broadcast to the logits'.
 */
export function betaBinomial(
  logits: Tensor,
  logConcentration: Tensor,
  n: number,
): Distribution & Required<Pick<Distribution, "cdf">> {
  const { alpha, beta, total } = shapesOf(logits, logConcentration);
  const [p, q] = [div(alpha, total), div(beta, total)];
  const masses = exp(logProbOf(shapesOf(column(logits), column(logConcentration)), n)(wholeNumbers(n + 1)));
  return {
    kind: "beta-binomial",
    shape: logits.shape,
    parameters: { logits, logConcentration: expand(logConcentration, logits) },
    mean: mul(p, n),
    variance: mul(mul(mul(p, q), n), div(add(total, n), add(total, 1))),
    noise: "uniform",
    logProb: logProbOf({ alpha, beta, total }, n),
    ...accumulated(masses),
  };
}

interface Shapes {
  readonly alpha: Tensor;
  readonly beta: Tensor;
  /** α + β */
  readonly total: Tensor;
}

function shapesOf(logits: Tensor, logConcentration: Tensor): Shapes {
  const concentration = exp(clip(logConcentration, -10, 15));
  return {
    alpha: add(mul(concentration, sigmoid(logits)), leastShape),
    beta: add(mul(concentration, sigmoid(neg(logits))), leastShape),
    total: add(concentration, 2 * leastShape),
  };
}

/**
 * With Stirling's formula for every Γ, the large parts gone (m = n − k):
 * k·log((k + α)/k·n/(n + c)) + m·log((m + β)/m·n/(n + c)) + rise(α, k) + rise(β, m) − rise(c, n) and what it leaves of
 * log C(n, k), where rise(a, k) = (a − ½)·log(1 + k/a) + δ(a + k) − δ(a).
 */
function logProbOf({ alpha, beta, total }: Shapes, n: number): (k: Tensor) => Tensor {
  const table = constant(chooseRests(n));
  const share = div(n, add(total, n)); // n/(n + c)
  const weighted = (a: Tensor, k: Tensor) => mul(k, log(mul(div(add(a, k), maximum(k, 1)), share)));
  const rise = (a: Tensor, k: Tensor) =>
    add(mul(sub(a, 0.5), log1p(div(k, a))), sub(stirlingError(add(a, k)), stirlingError(a)));
  const whole = rise(total, constant(n));
  return (x) => {
    const k = clip(x, 0, n);
    const m = sub(n, k);
    const powers = add(weighted(alpha, k), weighted(beta, m));
    return add(add(powers, sub(add(rise(alpha, k), rise(beta, m)), whole)), gather(table, asInt(k)));
  };
}

/** log C(n, k) − k·log n/k − m·log n/m for k = 0…n. */
function chooseRests(n: number): number[] {
  let logChoose = 0;
  const power = (k: number) => (k === 0 ? 0 : k * Math.log(n / k));
  return Array.from({ length: n + 1 }, (_, k) => {
    if (k > 0) logChoose += Math.log((n - k + 1) / k);
    return logChoose - power(k) - power(n - k);
  });
}
