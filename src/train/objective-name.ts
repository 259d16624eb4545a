import type { ObjectiveConfig } from "../config.objective.ts";

/** What `finalObjectiveNats` gives, in symbols: what the best weights are chosen by, and patience and plateau go by. */
export function objectiveName(objective: ObjectiveConfig): string {
  switch (objective.kind) {
    case "elbo":
      return objective.beta === 1 ? "−ELBO" : `distortion + ${objective.beta}·rate`;
    case "capacity":
      return `distortion + ${objective.gamma}·|rate − ${objective.to}|`;
    case "iwae":
      return `−IWAE bound of ${objective.samples} ${objective.samples === 1 ? "draw" : "draws"}`;
  }
}
