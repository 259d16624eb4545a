import type { CapacityConfig, ElboConfig, ObjectiveConfig } from "../config.objective.ts";
import type { Config } from "../config.ts";
import type { ObjectiveScalars, Parts } from "./metrics.ts";

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
  switch (objective.kind) {
    case "elbo":
      return { beta: betaAt(objective, step) };
    case "capacity":
      return { gamma: objective.gamma, capacityNats: capacityAt(objective, step) };
    case "iwae":
      return {};
  }
}

/** β at a step: its warm-up ends at, and each cycle rises to, the config's. */
function betaAt({ beta, schedule }: ElboConfig, step: number): number {
  switch (schedule.kind) {
    case "constant":
      return beta;
    case "linear":
      return beta * (schedule.from + (1 - schedule.from) * Math.min((step - 1) / schedule.steps, 1));
    case "cyclical": {
      // Fu et al. (2019), eq. 6, with a linear rise
      const place = ((step - 1) % schedule.period) / schedule.period;
      return beta * (schedule.rising === 0 ? 1 : Math.min(place / schedule.rising, 1));
    }
  }
}

/** C at a step: it rises evenly, and stays (Burgess et al. 2018, section 5). */
export function capacityAt({ from, to, steps }: CapacityConfig, step: number): number {
  return from + (to - from) * Math.min((step - 1) / steps, 1);
}

/**
 * The objective that a schedule leads to, with the whole β or the last C: what the best weights are chosen by. With β or
 * C of the moment, each epoch would be measured by a rule of its own.
 */
export function finalObjectiveNats(
  objective: ObjectiveConfig,
  { distortionNats, rateNats, negIwaeNats }: Omit<Parts, "negElboNats">,
): number {
  switch (objective.kind) {
    case "elbo":
      return distortionNats + objective.beta * rateNats;
    case "capacity":
      return distortionNats + objective.gamma * Math.abs(rateNats - objective.to);
    case "iwae":
      return negIwaeNats!;
  }
}
