import type { ObjectiveConfig } from "../config.objective.ts";
import { grad } from "../graph/grad.ts";
import { add, neg } from "../graph/ops/arithmetic.ts";
import { mean } from "../graph/ops/reduce.ts";
import { reshape } from "../graph/ops/structure.ts";
import { times } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import {
  betaObjective,
  capacityObjective,
  doublyReparameterized,
  drawnTerms,
  logMeanExp,
  negElbo,
  type Terms,
  weightedMean,
} from "./objective.ts";
import type { Vae } from "./vae.ts";

/** What training minimizes over a batch, in nats, and what it reports: weighted means over the examples. */
export interface BatchLoss {
  readonly minimize: Tensor;
  readonly terms: Readonly<Record<Exclude<keyof BatchTerms, "negIwaeNats">, Tensor>> &
    Readonly<Partial<Record<keyof BatchTerms, Tensor>>>;
  /** The input with the weights of the examples, where the loss is a mean by them. */
  readonly weights?: "weight";
}

/** Of each example: (batch). */
interface BatchTerms extends Terms {
  /** The bound of several draws, with the objective "iwae". */
  readonly negIwaeNats?: Tensor;
}

/** Draws of z that an objective takes of each example. */
export const drawsOf = (objective: ObjectiveConfig): number => (objective.kind === "iwae" ? objective.samples : 1);

/** The bound and its parts for each example, as the objective has them: means over its draws. */
export function exampleTerms(vae: Vae, objective: ObjectiveConfig, x: Tensor, noise: Tensor): BatchTerms {
  if (objective.kind !== "iwae") return negElbo(vae, x, noise);
  const { samples, gradient } = objective;
  const draws = reshape(noise, [samples, "batch", vae.noiseWidth]);
  const drawn =
    gradient === "dreg"
      ? doublyReparameterized(vae, x, draws)
      : drawnTerms(vae, vae.posterior(x), vae.prior(), x, draws);
  const [distortionNats, rateNats] = [mean(drawn.distortionNats, [0]), mean(drawn.rateNats, [0])];
  const negIwaeNats = neg(logMeanExp(drawn.logWeights));
  return { negElboNats: add(distortionNats, rateNats), distortionNats, rateNats, negIwaeNats };
}

/** The input that holds the noise of a batch: all rows of the first draw, then those of the second. */
export const noiseInput = (vae: Vae, objective: ObjectiveConfig): Tensor =>
  input("noise", [times("batch", drawsOf(objective)), vae.noiseWidth]);

/**
 * The loss of a batch of inputs x, noise and weight. The scalars of the objective are inputs too, so that they may
 * change between steps: beta of "elbo", gamma and capacityNats of "capacity".
 */
export function batchLoss(vae: Vae, objective: ObjectiveConfig): BatchLoss {
  const weight = input("weight", ["batch"]);
  const of = exampleTerms(vae, objective, input("x", ["batch", ...vae.event]), noiseInput(vae, objective));
  const means = {
    distortionNats: weightedMean(of.distortionNats, weight),
    rateNats: weightedMean(of.rateNats, weight),
  };
  const terms = { negElboNats: add(means.distortionNats, means.rateNats), ...means };
  switch (objective.kind) {
    case "elbo":
      return { minimize: betaObjective(means, input("beta", [])), terms, weights: "weight" };
    case "capacity":
      return { minimize: capacityObjective(means, input("gamma", []), input("capacityNats", [])), terms };
    case "iwae": {
      const negIwaeNats = weightedMean(of.negIwaeNats!, weight);
      return { minimize: negIwaeNats, terms: { ...terms, negIwaeNats }, weights: "weight" };
    }
  }
}

/** What a step of training computes of a batch: the loss, and the gradients of the trained parameters. */
export function trainingStep(vae: Vae, objective: ObjectiveConfig): Tensor[] {
  const { minimize } = batchLoss(vae, objective);
  const trained = vae.parameters.filter(({ role }) => role === "trained");
  return [
    minimize,
    ...grad(
      minimize,
      trained.map(({ tensor }) => tensor),
    ),
  ];
}
