import type { Config } from "../config.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { batchBytes } from "../models/batches.ts";
import { betaObjective, negElbo, weightedMean } from "../models/objective.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { type TrainingProgram, trainingProgram } from "./program.ts";
import type { Helpers } from "./team.ts";

/** Rows of a batch that are computed at once. */
export function rowsAtOnce({ train }: Pick<Config, "train">): number {
  return train.microBatch ?? train.batchSize;
}

/** The training program of the ELBO. Its inputs: x, noise, weight, and β, so that β may change between steps. */
export function compileTraining(
  backend: Backend,
  vae: Vae,
  config: Config,
  helpers?: Helpers | undefined,
): Promise<TrainingProgram> {
  const x = input("x", ["batch", ...vae.event]);
  const noise = input("noise", ["batch", vae.latent]);
  const weight = input("weight", ["batch"]);
  const terms = negElbo(vae, x, noise);
  const means = {
    distortionNats: weightedMean(terms.distortionNats, weight),
    rateNats: weightedMean(terms.rateNats, weight),
  };
  return trainingProgram({
    backend,
    helpers,
    specs: vae.parameters,
    batchSize: rowsAtOnce(config),
    accumulates: rowsAtOnce(config) < config.train.batchSize,
    groups: config.optimizer.groups,
    objectives: [
      {
        name: "elbo",
        minimize: betaObjective(means, input("beta", [])),
        trains: vae.parameters.filter(({ role }) => role === "trained").map(({ path }) => path),
        weights: "weight",
        terms: { negElboNats: add(means.distortionNats, means.rateNats), ...means },
      },
    ],
    extraBytes: batchBytes(rowsAtOnce(config), staticSize(vae.event)),
    average: config.train.average !== null,
  });
}
