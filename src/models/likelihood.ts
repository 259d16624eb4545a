import type { BuiltInLikelihood } from "../config.parts.ts";
import { bernoulli } from "../distributions/bernoulli.ts";
import { normal } from "../distributions/normal.ts";
import { softplus } from "../graph/ops/activation.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { expand } from "../graph/ops/structure.ts";
import { constant, labelled, type Tensor } from "../graph/tensor.ts";
import type { HeadOptions } from "../nn/networks.ts";
import type { Initializer } from "../nn/parameters.ts";
import { type LikelihoodContext, type LikelihoodPart, likelihoodPart } from "./registry.ts";

/** Where a head starts: at a number for each element of the event, as far as there are statistics. */
const startingAt = (start: Float32Array | undefined): HeadOptions =>
  start ? { bias: { kind: "values", values: start } } : {};

/** p(x|z) = Bernoulli(σ(logits)); the logits start at the data's mean, held away from 0 and 1. */
const bernoulliPart: LikelihoodPart = {
  support: "unit",
  measure: "probability",
  build(context) {
    const logits = context.head(context.scope.at("logits"), startingAt(context.statistics?.mean.map(logit)));
    return (h, shape) => bernoulli(labelled(logits(h, shape), "logits of p(x|z)"));
  },
};

/** log p/(1 − p) with p held within 0.001 and 0.999: a pixel that was never lit may yet be, at a finite price. */
function logit(p: number): number {
  const held = Math.min(Math.max(p, 0.001), 0.999);
  return Math.log(held / (1 - held));
}

/** Log-variances never fall below this: at σ = e⁻⁶ a density on [0, 1] is 6 nats a pixel, and still finite. */
const lowestLogVariance = -12;

/** A log-variance that tends to its lowest value smoothly instead of running away to −∞. */
const bounded = (raw: Tensor): Tensor => add(softplus(add(raw, -lowestLogVariance)), lowestLogVariance);

/**
 * p(x|z) = N(mean, σ²) with σ fixed, learned as one number (σ-VAE, Rybkin et al. 2021), or learned for each element.
 */
const normalPart: LikelihoodPart = {
  support: "real",
  measure: "density",
  build(context, options) {
    const { scope, statistics } = context;
    const mean = context.head(scope.at("mean"), startingAt(statistics?.mean));
    const start: Initializer = { kind: "constant", value: Math.log(Math.max(statistics?.variance ?? 1, 1e-4)) };
    const logvar = logVariance(context, options, start);
    return (h, shape) => {
      const mu = labelled(mean(h, shape), "mean of p(x|z)");
      return normal(mu, logvar(h, mu));
    };
  },
};

function logVariance(
  context: LikelihoodContext,
  options: Readonly<Record<string, unknown>>,
  start: Initializer,
): (h: Tensor, mean: Tensor) => Tensor {
  const { scope } = context;
  if (options.variance === "fixed") {
    const fixed = constant(2 * Math.log(options.standardDeviation as number));
    return (_h, mean) => expand(fixed, mean);
  }
  if (options.variance === "global") {
    const raw = scope.parameter("logvar", [1], start);
    return (_h, mean) => expand(bounded(raw), mean);
  }
  const layer = context.head(scope.at("logvar"), { bias: start });
  return (h, { shape }) => labelled(bounded(layer(h, shape)), "log-variance of p(x|z)");
}

const builtInLikelihoods: Readonly<Record<BuiltInLikelihood, LikelihoodPart>> = {
  bernoulli: bernoulliPart,
  normal: normalPart,
};

/** The likelihood that a config names. */
export function findLikelihood(kind: string): LikelihoodPart {
  return likelihoodPart(kind, builtInLikelihoods);
}
