import type { Config } from "../config.ts";

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
