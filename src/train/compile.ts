import type { Config } from "../config.ts";
import { staticSize } from "../graph/shape.ts";
import { batchBytes } from "../models/batches.ts";
import { batchLoss } from "../models/step.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { type TrainingProgram, trainingProgram } from "./program.ts";
import type { Helpers } from "./team.ts";

/** Rows of a batch that are computed at once. */
export function rowsAtOnce({ train }: Pick<Config, "train">): number {
  return train.microBatch ?? train.batchSize;
}

/** The training program of the config's objective, named by its kind. Its inputs: x, noise, weight, and its scalars. */
export function compileTraining(
  backend: Backend,
  vae: Vae,
  config: Config,
  helpers?: Helpers | undefined,
): Promise<TrainingProgram> {
  return trainingProgram({
    backend,
    helpers,
    specs: vae.parameters,
    batchSize: rowsAtOnce(config),
    accumulates: rowsAtOnce(config) < config.train.batchSize,
    groups: config.optimizer.groups,
    objectives: [
      {
        name: config.objective.kind,
        ...batchLoss(vae, config.objective),
        trains: vae.parameters.filter(({ role }) => role === "trained").map(({ path }) => path),
      },
    ],
    extraBytes: batchBytes(rowsAtOnce(config), staticSize(vae.event)),
    average: config.train.average !== null,
  });
}
