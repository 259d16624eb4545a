import { relu } from "../graph/ops/activation.ts";
import { abs, add, div, maximum, minimum, mul, neg, reciprocal, sign, square, sub } from "../graph/ops/arithmetic.ts";
import { greater, less, where } from "../graph/ops/comparison.ts";
import { exp, expm1, log, log1p } from "../graph/ops/functions.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import { within01 } from "./counts.ts";
import type { Distribution } from "./distribution.ts";

/*
 * With the logits η = log λ/(1 − λ) the density C(λ)·λˣ·(1 − λ)¹⁻ˣ is e^(ηx − A(η)), where A(η) = log (e^η − 1)/η. All
 * else follows from A: the mean is A′, the variance A″. At η = 0, which is λ = ½, A has a removable singularity; within
 * |η| < 1 its series is taken instead: A(η) = η/2 + Σ B₂ₖ·η²ᵏ/(2k·(2k)!), which is exact to 1e-14 there.
 */

/** B₂ₖ/(2k)! for k = 1…9, the Bernoulli numbers' part of every series. */
const weights = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798].map(
  (bernoulli, i) => {
    let factorial = 1;
    for (let j = 2; j <= 2 * (i + 1); j++) factorial *= j;
    return bernoulli / factorial;
  },
);

/** Σ of the coefficients times powers of η², the first times 1, for |η| < 1. */
function series(eta: Tensor, coefficients: readonly number[]): Tensor {
  const squared = square(maximum(minimum(eta, 1), -1)); // elsewhere the other branch is taken: no overflow, no NaN
  const [last, ...before] = coefficients.toReversed().map((c) => constant(c)) as [Tensor, ...Tensor[]];
  return before.reduce((total, c) => add(mul(total, squared), c), last);
}

/**
 * Independent elements between 0 and 1 (Loaiza-Ganem & Cunningham 2019, eq. 5-8).
 * @param logits log λ/(1 − λ), (batch, ...event)
 */
export function continuousBernoulli(logits: Tensor): Distribution & Required<Pick<Distribution, "entropy">> {
  const isNear = less(abs(logits), 1);
  const size = maximum(abs(logits), 1);
  const lost = neg(expm1(neg(size))); // 1 − e^(−|η|)
  const held = maximum(minimum(logits, 1), -1);
  const near = (first: Tensor | number, power: Tensor, coefficients: readonly number[]) =>
    add(mul(power, series(logits, coefficients)), first);

  // A(η): of a large η the linear part is taken out first
  const logNormalizer = where(
    isNear,
    near(
      mul(held, 0.5),
      square(held),
      weights.map((w, i) => w / (2 * i + 2)),
    ),
    add(relu(logits), sub(log(lost), log(size))),
  );
  // A′(η) − ½, which is odd
  const half = sub(sub(reciprocal(lost), reciprocal(size)), 0.5);
  const mean = add(where(isNear, mul(held, series(logits, weights)), mul(sign(logits), half)), 0.5);
  // A″(η), which is even
  const variance = where(
    isNear,
    series(
      logits,
      weights.map((w, i) => w * (2 * i + 1)),
    ),
    sub(reciprocal(square(size)), div(exp(neg(size)), square(lost))),
  );
  return {
    kind: "continuous-bernoulli",
    shape: logits.shape,
    parameters: { logits },
    mean,
    variance,
    noise: "uniform",
    logProb: (x) => sub(mul(logits, x), logNormalizer),
    sample: (noise) => inverseCdf(logits, noise),
    entropy: () => sub(logNormalizer, mul(logits, mean)),
  };
}

/**
 * log(1 + u·(e^η − 1))/η (ibid., eq. 12), for η > 0 as 1 − the same of −η and 1 − u. Near 0 it is Σ κⱼ·ηʲ⁻¹/j!, with κⱼ
 * the cumulants of a bit that is 1 with probability u.
 */
function inverseCdf(eta: Tensor, noise: Tensor): Tensor {
  const nearest = 0.01;
  const isPositive = greater(eta, 0);
  const u = within01(where(isPositive, sub(1, noise), noise));
  const size = maximum(abs(eta), nearest);
  const below = neg(div(log1p(mul(u, expm1(neg(size)))), size));
  const far = where(isPositive, sub(1, below), below);
  const held = maximum(minimum(eta, nearest), -nearest);
  const spread = mul(noise, sub(1, noise)); // u(1 − u)
  const skew = mul(spread, sub(1, mul(noise, 2)));
  const cumulants = [
    mul(spread, 1 / 2),
    mul(skew, 1 / 6),
    mul(mul(spread, sub(1, mul(spread, 6))), 1 / 24),
    mul(mul(skew, sub(1, mul(spread, 12))), 1 / 120),
  ];
  const near = add(
    noise,
    mul(
      cumulants.reduceRight((total, c) => add(mul(total, held), c)),
      held,
    ),
  );
  return where(less(abs(eta), nearest), near, far);
}
