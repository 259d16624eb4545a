import type { Flow, InvertibleFlow } from "../graph/flow.ts";
import { softplus } from "../graph/ops/activation.ts";
import { add, mul, neg, sub } from "../graph/ops/arithmetic.ts";
import { exp, sigmoid } from "../graph/ops/functions.ts";
import { splitEvenly } from "../graph/ops/join.ts";
import { expand, reshape, sum } from "../graph/ops/structure.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import { checkFlow, composed, type FlowOptions, logScale } from "./flows.ts";
import { made } from "./masked.ts";
import { type Scope, zeros } from "./parameters.ts";

/*
 * Autoregressive flows: an element is scaled and shifted by functions of those before it, which a MADE computes in one
 * pass. Steps take turns in the direction of the order.
 */

type MakeStep<Step> = (scope: Scope, latent: number, order: readonly number[], options: FlowOptions) => Step;

function autoregressiveFlow<Step extends Flow>(
  name: string,
  makeStep: MakeStep<Step>,
  scope: Scope,
  latent: number,
  options: FlowOptions,
): Step {
  checkFlow(name, scope, latent, 1, options);
  const upward = Array.from({ length: latent }, (_, i) => i);
  const step = (_: unknown, i: number) =>
    makeStep(scope.at(String(i)), latent, i % 2 === 0 ? upward : upward.toReversed(), options);
  return composed(name, Array.from({ length: options.steps }, step), latent, options.context);
}

/** Two numbers for each element of z (rows, d), of those before it and the context. The output layer starts at 0. */
function twoFor(scope: Scope, latent: number, order: readonly number[], options: FlowOptions) {
  const { hidden, activation, initialization, context = 0 } = options;
  const network = made(scope, latent, {
    hidden,
    activation,
    initialization,
    order,
    context,
    parameters: 2,
    output: zeros,
  });
  return (z: Tensor, seen: Tensor | undefined) =>
    splitEvenly(network(z, seen), 2, 2).map((part) => reshape(part, z.shape)) as [Tensor, Tensor];
}

/** What is added to s of an inverse autoregressive step: a new step keeps σ(2) = 0.88 of z. */
const forgetBias = 2;

/**
 * The inverse autoregressive flow (Kingma et al. 2016, algorithm 1): z ← σ(s)·z + (1 − σ(s))·m, with m and s of the
 * elements of z before it and of the context. Forward takes one pass; the inverse would take d and is left out. Steps
 * start as z ← σ(2)·z. Declares for each, in scopes 0, 1, …, the masked layers of `made`.
 * @throws UsageError for options; ShapeError where z or the context does not fit
 */
export function inverseAutoregressiveFlow(scope: Scope, latent: number, options: FlowOptions): Flow {
  return autoregressiveFlow<Flow>("inverseAutoregressiveFlow", inverseStep, scope, latent, options);
}

const inverseStep: MakeStep<Flow> = (scope, latent, order, options) => {
  const network = twoFor(scope, latent, order, options);
  return {
    forward(z, seen) {
      const [m, raw] = network(z, seen);
      const s = add(raw, forgetBias);
      const y = add(m, mul(sigmoid(s), sub(z, m)));
      return { z: y, logDet: neg(sum(softplus(neg(s)), [1])) }; // Σ log σ(s)
    },
  };
};

/**
 * The masked autoregressive flow (Papamakarios et al. 2017, eq. 3): forward, z = u·exp(α) + μ with μ and α of the
 * elements of z before it; α = c·tanh(…) with learned c that starts at 1. The inverse, which a density needs, takes one
 * pass. Forward, which a sample needs, takes d, all in one graph: some 20·d nodes a step. Starts at the identity.
 * Declares for each step, in scopes 0, 1, …, the masked layers of `made`, and `scale`.
 * @throws UsageError for options; ShapeError where z or the context does not fit
 */
export function maskedAutoregressiveFlow(scope: Scope, latent: number, options: FlowOptions): InvertibleFlow {
  return autoregressiveFlow("maskedAutoregressiveFlow", maskedStep, scope, latent, options);
}

const maskedStep: MakeStep<InvertibleFlow> = (scope, latent, order, options) => {
  const network = twoFor(scope, latent, order, options);
  const scaleOf = logScale(scope, latent);
  return {
    forward(u, seen) {
      // In the order, an element is right once those before it are; the others stay 0 until their turn.
      let z = expand(constant(0), u);
      let alpha = z;
      for (let place = 0; place < latent; place++) {
        const [shift, raw] = network(z, seen);
        alpha = scaleOf(raw);
        const only = constant(order.map((at) => (at === place ? 1 : 0)));
        z = add(z, mul(only, add(mul(u, exp(alpha)), shift)));
      }
      return { z, logDet: sum(alpha, [1]) }; // the last pass saw all that any element's α depends on
    },
    inverse(z, seen) {
      const [shift, raw] = network(z, seen);
      const alpha = scaleOf(raw);
      return { z: mul(sub(z, shift), exp(neg(alpha))), logDet: neg(sum(alpha, [1])) };
    },
  };
};
