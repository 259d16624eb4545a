import type { InvertibleFlow } from "../graph/flow.ts";
import { add, mul, neg, sub } from "../graph/ops/arithmetic.ts";
import { exp } from "../graph/ops/functions.ts";
import { concat, split, splitEvenly } from "../graph/ops/join.ts";
import { sum } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { dense, mlp } from "./dense.ts";
import { checkFlow, composed, type FlowOptions, logScale } from "./flows.ts";
import { type Scope, zeros } from "./parameters.ts";

/**
 * The coupling flow RealNVP (Dinh et al. 2017, eqs. 7 and 8) on d ≥ 2 latents: a step scales and shifts one half of them
 * by functions of the other, y = x·exp(s) + t, and the halves take turns. Both directions cost one pass.
 *
 * s = c·tanh(…) with learned c that starts at 1. The last layers start at 0, the flow at the identity. Declares for each
 * step, in scopes 0, 1, …, dense layers `hidden.0`, … and `output`, and `scale`.
 * @throws UsageError for options; ShapeError where z or the context does not fit
 */
export function couplingFlow(scope: Scope, latent: number, options: FlowOptions): InvertibleFlow {
  checkFlow("couplingFlow", scope, latent, 2, options);
  const step = (_: unknown, i: number) => couplingStep(scope.at(String(i)), latent, i % 2 === 1, options);
  return composed("couplingFlow", Array.from({ length: options.steps }, step), latent, options.context);
}

/** Changes the last half by the first, or, turned, the first by the last. */
function couplingStep(
  scope: Scope,
  latent: number,
  turned: boolean,
  { hidden, activation, initialization, context = 0 }: FlowOptions,
): InvertibleFlow {
  const first = Math.ceil(latent / 2);
  const sizes = [first, latent - first];
  const [kept, changed] = turned ? [latent - first, first] : [first, latent - first];
  const network = mlp(scope, kept + context, { hidden, activation, initialization });
  const output = dense(scope.at("output"), network.features, 2 * changed, { initialization: zeros });
  const scaleOf = logScale(scope, changed);
  /** z with one half replaced by what `change` makes of it and its s and t. */
  const apply = (z: Tensor, seen: Tensor | undefined, change: (x: Tensor, s: Tensor, t: Tensor) => Tensor) => {
    const halves = split(z, 1, sizes) as [Tensor, Tensor];
    const [still, x] = turned ? [halves[1], halves[0]] : halves;
    const h = network.layer(seen ? concat([still, seen], 1) : still);
    const [raw, t] = splitEvenly(output(h), 1, 2) as [Tensor, Tensor];
    const s = scaleOf(raw);
    const y = change(x, s, t);
    return { z: concat(turned ? [y, still] : [still, y], 1), s };
  };
  return {
    forward(z, seen) {
      const { z: y, s } = apply(z, seen, (x, s, t) => add(mul(x, exp(s)), t));
      return { z: y, logDet: sum(s, [1]) };
    },
    inverse(z, seen) {
      const { z: x, s } = apply(z, seen, (y, s, t) => mul(sub(y, t), exp(neg(s))));
      return { z: x, logDet: neg(sum(s, [1])) };
    },
  };
}
