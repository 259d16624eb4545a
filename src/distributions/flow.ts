import type { Flow, InvertibleFlow } from "../graph/flow.ts";
import { add, sub } from "../graph/ops/arithmetic.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Posterior, Prior } from "./latent.ts";

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

/** A prior p₀, such as N(0, I), passed through a flow: log p(z) = log p₀(f⁻¹(z)) + log |det ∂f⁻¹/∂z|. */
export function flowPrior(flow: InvertibleFlow, start: Prior): Prior {
  return {
    kind: "flow",
    logProb(z) {
      const first = flow.inverse(z);
      return add(start.logProb(first.z), first.logDet);
    },
    noise: start.noise,
    sample: (noise) => flow.forward(start.sample(noise)).z,
  };
}
