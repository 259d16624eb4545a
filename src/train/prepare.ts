import type { Config } from "../config.ts";
import { checkSplits } from "../data/check.ts";
import { imageShape, type Splits } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { conditionsOf } from "../models/conditions.ts";
import { findLikelihood } from "../models/likelihood.ts";
import { capacityAt } from "../models/objective-table.ts";
import { checkPrior, checkSupport, statisticsOf } from "../models/statistics.ts";
import { trainingParameters } from "../models/training.ts";
import { buildVae } from "../models/vae.ts";
import { checkGroups } from "./groups.ts";
import { checkMemory, type Limits } from "./memory.ts";
import type { Prepared } from "./options.ts";
import { stepsOf } from "./schedule.ts";

/**
 * All that can be refused before a training begins, so that nothing is left behind then.
 * @param limits of this machine, as far as they are known
 * @throws DataError for data that are no data sets, do not belong together, or have values that the likelihood has no
 * density for, the prior no place for or a condition no value; UsageError for a likelihood that is not there, a warm-up longer than the run,
 * more pseudo-inputs than examples, groups of no parameters, or sizes beyond the memory
 */
export function prepareTraining(config: Config, data: Splits, limits?: Limits): Prepared {
  const likelihood = findLikelihood(config.model.likelihood.kind);
  checkSplits(data, "data");
  const conditions = conditionsOf(config.model.condition, data.train);
  conditions?.of(data.validation);
  checkMemory(config, data.train.event, limits, conditions);
  checkWarmup(config, stepsOf(config, data.train.count));
  for (const split of [data.train, data.validation])
    checkSupport(split, likelihood, config.model.likelihood, config.data.binarization !== "none");
  checkPrior(data.train, config.model.prior);
  const vae = buildVae(config.model, data.train.event, statisticsOf(data.train), conditions);
  checkGroups(config.optimizer.groups, trainingParameters(vae, config.objective), vae.parameters);
  return { config, data, vae };
}

/** What is allowed and hardly meant, a line each. */
export function adviceOn(config: Config, { train: { event, count } }: Splits): string | undefined {
  const advice: string[] = [];
  if (config.model.likelihood.kind === "bernoulli" && imageShape(event)?.channels === 3)
    advice.push(
      "The Bernoulli likelihood is for black and white pixels, and these pictures have colours: --set model.likelihood.kind=normal model.likelihood.variance=global is meant for them.",
    );
  const { objective } = config;
  const steps = stepsOf(config, count);
  // With as many steps as the run, C is one of its own short of the end.
  if (objective.kind === "capacity" && steps !== null && steps < objective.steps) {
    const last = Number(capacityAt(objective, steps).toPrecision(3));
    if (last < objective.to)
      advice.push(
        `The capacity rises from ${objective.from} to ${objective.to} nats over ${objective.steps} steps, and the run has ${steps}: it ends at ${last} nats. --set objective.steps=${Math.ceil(steps / 2)} would reach it half way.`,
      );
  }
  return advice.length === 0 ? undefined : advice.join("\n");
}

function checkWarmup({ optimizer: { schedule } }: Config, totalSteps: number | null): void {
  if (totalSteps !== null && schedule.warmup >= totalSteps)
    throw new UsageError(
      `optimizer.schedule.warmup: expected fewer than the ${totalSteps} steps of the run, got ${schedule.warmup}`,
    );
}
