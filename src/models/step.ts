import { grad } from "../graph/grad.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { betaObjective, negElbo, weightedMean } from "./objective.ts";
import type { Vae } from "./vae.ts";

/** What training minimizes over a batch, in nats, and what it reports: weighted means over the examples. */
export interface BatchLoss {
  readonly minimize: Tensor;
  readonly terms: Readonly<Record<"negElboNats" | "distortionNats" | "rateNats", Tensor>>;
}

/** The loss of a batch of inputs x, noise and weight; β is an input too, so that it may change between steps. */
export function batchLoss(vae: Vae): BatchLoss {
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
  return {
    minimize: betaObjective(means, input("beta", [])),
    terms: { negElboNats: add(means.distortionNats, means.rateNats), ...means },
  };
}

/** What a step of training computes of a batch: the loss, and the gradients of the trained parameters. */
export function trainingStep(vae: Vae): Tensor[] {
  const { minimize } = batchLoss(vae);
  const trained = vae.parameters.filter(({ role }) => role === "trained");
  return [
    minimize,
    ...grad(
      minimize,
      trained.map(({ tensor }) => tensor),
    ),
  ];
}
