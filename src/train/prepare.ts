import type { Config } from "../config.ts";
import { checkSplits } from "../data/check.ts";
import { imageShape, type Splits } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { findLikelihood } from "../models/likelihood.ts";
import { checkSupport, statisticsOf } from "../models/statistics.ts";
import { buildVae } from "../models/vae.ts";
import { checkGroups } from "./groups.ts";
import { checkMemory } from "./memory.ts";
import type { Prepared } from "./options.ts";
import { stepsOf } from "./schedule.ts";

/**
 * All that can be refused before a training begins, so that nothing is left behind then.
 * @param machineBytes memory of this machine, where that is known
 * @throws DataError for data that are no data sets, do not belong together, or have values that the likelihood has no
 * density for; UsageError for a likelihood that is not there, a warm-up longer than the run, groups of no parameters,
 * or sizes beyond the memory
 */
export function prepareTraining(config: Config, data: Splits, machineBytes?: number): Prepared {
  const { kind } = config.model.likelihood;
  const likelihood = findLikelihood(kind);
  checkSplits(data, "data");
  checkMemory(config, data.train.event, machineBytes);
  checkWarmup(config, stepsOf(config, data.train.count));
  for (const split of [data.train, data.validation])
    checkSupport(split, likelihood, kind, config.data.binarization !== "none");
  const vae = buildVae(config.model, data.train.event, statisticsOf(data.train));
  checkGroups(config.optimizer.groups, vae.parameters);
  return { config, data, vae };
}

/** What is allowed and hardly meant. */
export function adviceOn(config: Config, { train: { event } }: Splits): string | undefined {
  if (config.model.likelihood.kind !== "bernoulli" || imageShape(event)?.channels !== 3) return undefined;
  return "The Bernoulli likelihood is for black and white pixels, and these pictures have colours: --set model.likelihood.kind=normal model.likelihood.variance=global is meant for them.";
}

function checkWarmup({ optimizer: { schedule } }: Config, totalSteps: number | null): void {
  if (totalSteps !== null && schedule.warmup >= totalSteps)
    throw new UsageError(
      `optimizer.schedule.warmup: expected fewer than the ${totalSteps} steps of the run, got ${schedule.warmup}`,
    );
}
