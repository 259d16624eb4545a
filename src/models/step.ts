import type { ObjectiveConfig } from "../config.objective.ts";
import { grad } from "../graph/grad.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { betaObjective, capacityObjective, negElbo, weightedMean } from "./objective.ts";
import type { Vae } from "./vae.ts";

/** What training minimizes over a batch, in nats, and what it reports: weighted means over the examples. */
export interface BatchLoss {
  readonly minimize: Tensor;
  readonly terms: Readonly<Record<"negElboNats" | "distortionNats" | "rateNats", Tensor>>;
  /** The input with the weights of the examples, where the loss is a mean by them. */
  readonly weights?: "weight";
}

/**
 * The loss of a batch of inputs x, noise and weight. The scalars of the objective are inputs too, so that they may
 * change between steps: beta of "elbo", gamma and capacityNats of "capacity".
 */
export function batchLoss(vae: Vae, kind: ObjectiveConfig["kind"]): BatchLoss {
  const weight = input("weight", ["batch"]);
  const { distortionNats, rateNats } = negElbo(
    vae,
    input("x", ["batch", ...vae.event]),
    input("noise", ["batch", vae.latent]),
  );
  const means = {
    distortionNats: weightedMean(distortionNats, weight),
    rateNats: weightedMean(rateNats, weight),
  };
  const terms = { negElboNats: add(means.distortionNats, means.rateNats), ...means };
  switch (kind) {
    case "elbo":
      return { minimize: betaObjective(means, input("beta", [])), terms, weights: "weight" };
    case "capacity":
      return { minimize: capacityObjective(means, input("gamma", []), input("capacityNats", [])), terms };
  }
}

/**
 * What a step of training computes of a batch: the loss, and the gradients of the trained parameters. For what that
 * costs, all objectives are alike: they differ in a few scalars.
 */
export function trainingStep(vae: Vae): Tensor[] {
  const { minimize } = batchLoss(vae, "elbo");
  const trained = vae.parameters.filter(({ role }) => role === "trained");
  return [
    minimize,
    ...grad(
      minimize,
      trained.map(({ tensor }) => tensor),
    ),
  ];
}
