import { UsageError } from "../errors.ts";
import { softplus } from "../graph/ops/activation.ts";
import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp, sigmoid } from "../graph/ops/functions.ts";
import { expandOperator } from "../graph/ops/structure.ts";
import { scalarValue, type Tensor } from "../graph/tensor.ts";
import type { Bernoulli } from "./bernoulli.ts";
import type { Distribution } from "./distribution.ts";
import type { Normal } from "./normal.ts";

/**
 * KL(q ‖ p) in nats, elementwise: in closed form where there is one, else the one-sample Monte-Carlo estimate, for
 * which z must be a sample of q.
 * @throws UsageError when neither is possible
 */
export function kl(q: Distribution, p: Distribution, z?: Tensor): Tensor {
  const closed = closedForms[`${q.kind}|${p.kind}`];
  if (closed) return closed(q as never, p as never);
  if (!z)
    throw new UsageError(
      `kl: no closed form for ${q.kind} against ${p.kind}; give a sample z of q for a Monte-Carlo estimate`,
    );
  return klMonteCarlo(q, p, z);
}

/** log q(z) − log p(z) for a sample z of q: an unbiased one-sample estimate of KL(q ‖ p), elementwise, in nats. */
export function klMonteCarlo(q: Distribution, p: Distribution, z: Tensor): Tensor {
  return sub(q.logProb(z), p.logProb(z));
}

const closedForms: Readonly<Record<string, (q: never, p: never) => Tensor>> = {
  "normal|normal": normalKl,
  "bernoulli|bernoulli": bernoulliKl,
};

/** ½·(σq²/σp² + ((μq − μp)/σp)² − 1 − log σq²/σp²); for p = N(0, 1) eq. 10 of Kingma & Welling (2014). */
function normalKl(q: Normal, p: Normal): Tensor {
  if (isZero(p.mean) && isZero(p.logvar)) return mul(sub(sub(add(square(q.mean), exp(q.logvar)), q.logvar), 1), 0.5);
  const logRatio = sub(q.logvar, p.logvar);
  const distance = square(mul(sub(q.mean, p.mean), exp(mul(p.logvar, -0.5))));
  return mul(sub(sub(add(exp(logRatio), distance), logRatio), 1), 0.5);
}

const isZero = (x: Tensor): boolean => scalarValue(x.operator === expandOperator ? x.inputs[0]! : x) === 0;

/** E_q[log q − log p] = q·(lq − lp) + softplus(lp) − softplus(lq), with l the logits. */
function bernoulliKl(q: Bernoulli, p: Bernoulli): Tensor {
  const expected = mul(sigmoid(q.logits), sub(q.logits, p.logits));
  return sub(add(expected, softplus(p.logits)), softplus(q.logits));
}
