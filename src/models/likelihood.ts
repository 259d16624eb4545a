import { bernoulli } from "../distributions/bernoulli.ts";
import { normal } from "../distributions/normal.ts";
import { UsageError } from "../errors.ts";
import { expand } from "../graph/ops/structure.ts";
import { labelled } from "../graph/tensor.ts";
import { freeNumber, logit, startingAt } from "./head.ts";
import { isBuiltIn, type LikelihoodPart, registeredLikelihood } from "./registry.ts";

/** p(x|z) = Bernoulli(σ(logits)); the logits start at the data's mean, held away from 0 and 1. */
const bernoulliPart: LikelihoodPart = {
  support: "unit",
  measure: "probability",
  build(context) {
    const logits = context.head(context.scope.at("logits"), startingAt(context.statistics?.mean.map(logit)));
    return (h, shape) => bernoulli(labelled(logits(h, shape), "logits of p(x|z)"));
  },
};

/** Log-variances never fall below this: at σ = e⁻⁶ a density on [0, 1] is 6 nats a pixel, and still finite. */
const lowestLogVariance = -12;

/**
 * p(x|z) = N(mean, σ²) with σ fixed, learned as one number (σ-VAE, Rybkin et al. 2021), or learned for each element.
 */
const normalPart: LikelihoodPart = {
  support: "real",
  measure: "density",
  build(context, { variance, standardDeviation }) {
    const { scope, statistics } = context;
    const mean = context.head(scope.at("mean"), startingAt(statistics?.mean));
    const logvar = freeNumber(context, "logvar", {
      how: variance === "fixed" ? 2 * Math.log(standardDeviation as number) : (variance as "global" | "learned"),
      start: Math.log(Math.max(statistics?.variance ?? 1, 1e-4)),
      lowest: lowestLogVariance,
    });
    return (h, shape) => {
      const mu = labelled(mean(h, shape), "mean of p(x|z)");
      return normal(mu, expand(labelled(logvar(h, shape), "log-variance of p(x|z)"), mu));
    };
  },
};

/** Those that are there from the start, and those that were loaded. */
const parts = new Map<string, LikelihoodPart>([
  ["bernoulli", bernoulliPart],
  ["normal", normalPart],
]);

/** As `findLikelihood`; the code of most likelihoods is loaded when one of them is first asked for. */
export async function loadLikelihood(kind: string): Promise<LikelihoodPart> {
  if (isBuiltIn(kind) && !parts.has(kind)) {
    const { loadedLikelihoods } = await import("./likelihoods.ts");
    for (const [name, part] of Object.entries(loadedLikelihoods)) parts.set(name, part);
  }
  return findLikelihood(kind);
}

/**
 * The likelihood that a config names.
 * @throws UsageError for one that is not there, or not loaded
 */
export function findLikelihood(kind: string): LikelihoodPart {
  const part = parts.get(kind);
  if (!part && isBuiltIn(kind))
    throw new UsageError(
      `likelihood "${kind}" is not loaded; await loadLikelihood("${kind}") before the model is built`,
    );
  return part ?? registeredLikelihood(kind);
}
