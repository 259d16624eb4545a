import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { exp } from "../graph/ops/functions.ts";
import { expand } from "../graph/ops/structure.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import type { Distribution } from "./distribution.ts";

const logTwoPi = Math.log(2 * Math.PI);

/** A Normal with independent elements. */
export interface Normal extends Distribution {
  readonly kind: "normal";
  readonly logvar: Tensor;
  entropy(): Tensor;
}

/** N(mean, e^logvar), elementwise. mean and logvar: (batch, ...event), or shapes that broadcast to mean's. */
export function normal(mean: Tensor, logvar: Tensor): Normal {
  return {
    kind: "normal",
    shape: mean.shape,
    parameters: { mean, logvar },
    mean,
    logvar,
    variance: expand(exp(logvar), mean),
    noise: "normal",
    // −½·(log 2π + log σ² + ((x − μ)/σ)²); divided by σ before the square, so that neither overflows alone
    logProb: (x) => mul(add(add(square(mul(sub(x, mean), exp(mul(logvar, -0.5)))), logvar), logTwoPi), -0.5),
    // z = μ + σ·ε (Kingma & Welling 2014, section 2.4)
    sample: (noise) => add(mean, mul(exp(mul(logvar, 0.5)), noise)),
    // ½·(1 + log 2π + log σ²)
    entropy: () => expand(mul(add(logvar, 1 + logTwoPi), 0.5), mean),
  };
}

/** N(0, 1) in the shape of `like`, whose values are not used. */
export function standardNormal(like: Tensor): Normal {
  const zero = expand(constant(0), like);
  return normal(zero, zero);
}
