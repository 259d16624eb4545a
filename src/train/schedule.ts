import type { ObjectiveConfig } from "../config.objective.ts";
import type { Config } from "../config.ts";
import { type ObjectiveScalars, objectivePart, type Term } from "../models/objective-table.ts";
import type { Parts } from "./metrics.ts";

/** Steps of a whole run on so many examples; null where only the minutes say when it ends. */
export function stepsOf({ train: { steps, epochs, batchSize } }: Config, examples: number): number | null {
  return steps ?? (epochs === null ? null : epochs * Math.ceil(examples / batchSize));
}

/**
 * Learning rate at a step, counted from 1.
 * @param total steps of the whole run, which the cosine schedule ends at
 * @param reductions how often a plateau has lowered it
 */
export function learningRateAt(
  { learningRate, schedule }: Config["optimizer"],
  step: number,
  total: number | null,
  reductions = 0,
): number {
  const { warmup } = schedule;
  if (step <= warmup) return (learningRate * step) / warmup;
  switch (schedule.kind) {
    case "constant":
      return learningRate;
    case "step":
      return learningRate * schedule.factor ** Math.floor((step - warmup - 1) / schedule.every);
    case "plateau":
      return learningRate * Math.max(schedule.factor ** reductions, schedule.final);
    case "cosine": {
      // Loshchilov & Hutter (2017), eq. 5, without restarts, after a linear warm-up
      const progress = Math.min((step - warmup) / Math.max((total ?? step) - warmup, 1), 1);
      const share = (1 + Math.cos(Math.PI * progress)) / 2;
      return learningRate * (schedule.final + (1 - schedule.final) * share);
    }
  }
}

/** What the objective is made with at a step, counted from 1: the training program has an input of each name. */
export function scalarsAt(objective: ObjectiveConfig, step: number): ObjectiveScalars {
  return objectivePart(objective).scalars?.(objective, step) ?? {};
}

/**
 * The objective that a schedule leads to, with the whole β or the last C: what the best weights are chosen by. With β or
 * C of the moment, each epoch would be measured by a rule of its own.
 */
export function finalObjectiveNats(objective: ObjectiveConfig, parts: Omit<Parts, "negElboNats">): number {
  const { final, weights } = objectivePart(objective);
  if (final) return final(parts, objective);
  return (Object.entries(weights(objective)) as [Term, number][]).reduce(
    (sum, [term, weight]) => sum + (weight === 0 ? 0 : weight * (parts[term] ?? Number.NaN)),
    0,
  );
}
