import { add, sub } from "../graph/ops/arithmetic.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type Posterior, type Prior, standardLogProb } from "./latent.ts";

/** Where a flow takes z, and the log-determinant of its Jacobian there: (..., d) and (...). */
export interface Mapped {
  readonly z: Tensor;
  readonly logDet: Tensor;
}

/** An invertible map of latent vectors that may depend on a context (rows, features), as those of `nn/flows.ts`. */
export interface Flow {
  readonly forward: (z: Tensor, context?: Tensor) => Mapped;
  /** Absent where there is no exact inverse. */
  readonly inverse?: (z: Tensor, context?: Tensor) => Mapped;
}

/**
 * A posterior passed through a flow: log q(z|x) = log q₀(z₀|x) − log |det ∂z/∂z₀| (Rezende & Mohamed 2015, eq. 5).
 * @param context (rows, features), for a flow that was made with one
 */
export function flowPosterior(start: Posterior, flow: Flow, context?: Tensor): Posterior {
  const { inverse } = flow;
  const { logProb } = start;
  return {
    base: start.base,
    noiseWidth: start.noiseWidth,
    draw(noise) {
      const first = start.draw(noise);
      const { z, logDet } = flow.forward(first.z, context);
      return { z, logProb: sub(first.logProb, logDet) };
    },
    flowed: () => flow.forward(start.base.mean, context).z,
    ...(inverse && logProb
      ? {
          logProb: (z: Tensor) => {
            const first = inverse(z, context);
            return add(logProb(first.z), first.logDet);
          },
        }
      : {}),
  };
}

/** N(0, I) passed through a flow with an inverse: log p(z) = log N(f⁻¹(z); 0, I) + log |det ∂f⁻¹/∂z|. */
export function flowPrior(flow: Required<Flow>, latent: number): Prior {
  return {
    kind: "flow",
    logProb(z) {
      const first = flow.inverse(z);
      return add(standardLogProb(first.z), first.logDet);
    },
    noise: { normal: latent, uniform: 0 },
    sample: ({ normal }) => flow.forward(normal).z,
  };
}
