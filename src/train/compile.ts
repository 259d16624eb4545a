import type { Config } from "../config.ts";
import { staticSize } from "../graph/shape.ts";
import type { Adversary } from "../models/adversary.ts";
import { batchBytes } from "../models/batches.ts";
import { loadObjective } from "../models/objective-table.ts";
import { batchLoss } from "../models/step.ts";
import { adversaryOf, trainingParameters } from "../models/training.ts";
import type { Vae } from "../models/vae.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { Backend } from "../runtime/backend.ts";
import type { ObjectiveEntry } from "./objectives.ts";
import { type TrainingProgram, trainingProgram } from "./program.ts";
import type { Helpers } from "./team.ts";

/** Rows of a batch that are computed at once. */
export function rowsAtOnce({ train }: Pick<Config, "train">): number {
  return train.microBatch ?? train.batchSize;
}

/**
 * The training program of the config's objective, named by its kind, and, after it, of the network that it has beside the
 * model. Its inputs: x, noise, weight, `trainingInputs`, and its scalars.
 */
export async function compileTraining(
  backend: Backend,
  vae: Vae,
  config: Config,
  helpers?: Helpers | undefined,
): Promise<TrainingProgram> {
  const { objective, optimizer } = config;
  await loadObjective(objective);
  const adversary = adversaryOf(vae, objective);
  return trainingProgram({
    backend,
    helpers,
    specs: trainingParameters(vae, objective),
    batchSize: rowsAtOnce(config),
    accumulates: rowsAtOnce(config) < config.train.batchSize,
    groups: adversary
      ? [...optimizer.groups, { parameters: [adversary.name], learningRate: adversary.learningRate }]
      : optimizer.groups,
    objectives: [
      { name: objective.kind, ...batchLoss(vae, objective), trains: trainedPaths(vae.parameters) },
      ...(adversary ? [entryOf(adversary)] : []),
    ],
    extraBytes: batchBytes(rowsAtOnce(config), staticSize(vae.event)),
    average: config.train.average !== null,
  });
}

const entryOf = ({ name, minimize, terms, parameters }: Adversary): ObjectiveEntry => ({
  ...{ name, minimize, terms },
  trains: trainedPaths(parameters),
});

const trainedPaths = (specs: readonly ParameterSpec[]): string[] =>
  specs.filter(({ role }) => role === "trained").map(({ path }) => path);
