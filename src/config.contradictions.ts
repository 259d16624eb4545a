import type * as z from "zod/mini";
import { conditionContradictions } from "./config.condition.ts";
import { strayKeys } from "./config.fields.ts";
import { latentsContradictions } from "./config.latents.ts";
import { likelihoodContradictions } from "./config.likelihoods.ts";
import { networkContradictions } from "./config.networks.ts";
import { objectiveContradictions } from "./config.objective.contradictions.ts";
import { optimizerKeys } from "./config.optimizer.ts";
import type { configSchema } from "./config.schema.ts";

/** A config whose keys are right one by one, before the defaults that depend on other keys. */
export type Checked = z.output<typeof configSchema>;

/** Keys that are right one by one and wrong together. */
export function contradictions({ data, model, objective, optimizer, train }: Checked): string[] {
  const found = [
    ...likelihoodContradictions(model.likelihood, data.binarization),
    ...latentsContradictions(model),
    ...conditionContradictions(model, data.conditions),
  ];
  if (data.validation !== null && data.test !== null && data.validation < 1 && data.test < 1) {
    const kept = data.validation + data.test;
    if (kept >= 1) {
      found.push(
        `data: validation ${data.validation} and test ${data.test} leave nothing to train on; their sum must be < 1`,
      );
    }
  }
  const { steps = null, epochs = null, minutes } = train;
  if (steps !== null && epochs !== null) {
    found.push(
      `train: expected steps or epochs, got both (steps ${steps}, epochs ${epochs}); leave one out or set it to null`,
    );
  }
  if (train.microBatch !== null && train.microBatch > train.batchSize)
    found.push(`train.microBatch: expected at most train.batchSize ${train.batchSize}, got ${train.microBatch}`);
  found.push(
    ...networkContradictions(model.encoder, model.decoder),
    ...objectiveContradictions(objective, { model, train }),
    ...strayKeys("optimizer", optimizer, optimizerKeys),
  );
  if (optimizer.kind === "adam" && optimizer.groups.some(({ weightDecay }) => weightDecay !== undefined))
    found.push('optimizer.groups: weightDecay goes with "adamw", got "adam"; take "adamw"');
  const { schedule } = optimizer;
  if (schedule.kind === "cosine") {
    if (steps === null && epochs === null && minutes !== null) {
      found.push(
        `optimizer.schedule: "cosine" needs train.steps or train.epochs for its length, got train.minutes ${minutes} alone`,
      );
    }
  }
  if (steps !== null && schedule.warmup >= steps)
    found.push(`optimizer.schedule.warmup: expected fewer than train.steps ${steps}, got ${schedule.warmup}`);
  return found;
}
