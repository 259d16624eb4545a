import type { Config } from "../config.ts";

/** Steps of a whole run on so many examples; null where only the minutes say when it ends. */
export function stepsOf({ train: { steps, epochs, batchSize } }: Config, examples: number): number | null {
  return steps ?? (epochs === null ? null : epochs * Math.ceil(examples / batchSize));
}

/**
 * Learning rate at a step, counted from 1.
 * @param total steps of the whole run, which the cosine schedule ends at
 */
export function learningRateAt(
  { learningRate, schedule }: Config["optimizer"],
  step: number,
  total: number | null,
): number {
  switch (schedule.kind) {
    case "constant":
      return learningRate;
    case "step":
      return learningRate * schedule.factor ** Math.floor((step - 1) / schedule.every);
    case "cosine": {
      // Loshchilov & Hutter (2017), eq. 5, without restarts, after a linear warm-up
      if (step <= schedule.warmup) return (learningRate * step) / schedule.warmup;
      const progress = Math.min((step - schedule.warmup) / Math.max((total ?? step) - schedule.warmup, 1), 1);
      const share = (1 + Math.cos(Math.PI * progress)) / 2;
      return learningRate * (schedule.final + (1 - schedule.final) * share);
    }
  }
}
