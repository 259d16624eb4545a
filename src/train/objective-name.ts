import type { ObjectiveConfig, ObjectiveKind, ObjectiveOf } from "../config.objective.ts";
import { type ByTerm, objectiveTable, type Term } from "../models/objective-table.ts";
import { termNames } from "./term-names.ts";

const symbols: Readonly<Record<Term, string>> = {
  ...termNames,
  distortionNats: "distortion",
  rateNats: "rate",
  freeRateNats: "rate",
};

/** A weight without the last bits of its arithmetic: 1 − 0.9 is 0.1. */
const shown = (weight: number): number => Number(weight.toPrecision(12));

/** 2·rate + MMD²: the terms that weigh something. */
function sumOf(weights: ByTerm<number>, names = symbols): string {
  const parts = (Object.entries(weights) as [Term, number][]).filter(([, weight]) => weight !== 0);
  return parts.map(([term, weight]) => `${weight === 1 ? "" : `${shown(weight)}·`}${names[term]}`).join(" + ");
}

const draws = (samples: number): string => `${samples} ${samples === 1 ? "draw" : "draws"}`;
/** The sum of the terms by their weights. */
const summed =
  <Kind extends ObjectiveKind>(kind: Kind) =>
  (objective: ObjectiveOf<Kind>): string =>
    sumOf(objectiveTable[kind].weights(objective));

const names: { readonly [Kind in ObjectiveKind]: (objective: ObjectiveOf<Kind>) => string } = {
  elbo({ beta, freeBits, freeBitsGroup, ...objective }) {
    if (freeBits === 0) return beta === 1 ? "−ELBO" : `distortion + ${beta}·rate`;
    const of = freeBitsGroup === 1 ? "each latent" : `each group of ${freeBitsGroup} latents`;
    return `${sumOf(objectiveTable.elbo.weights({ beta, freeBits, freeBitsGroup, ...objective }))}, of which ${freeBits} nats of ${of} are free`;
  },
  capacity: ({ gamma, to }) => `distortion + ${gamma}·|rate − ${to}|`,
  iwae: ({ samples }) => `−IWAE bound of ${draws(samples)}`,
  miwae: ({ samples, bounds }) => `−IWAE bound of ${draws(samples)}, the mean of ${bounds}`,
  ciwae: ({ samples, share }) => `${share}·−ELBO + ${shown(1 - share)}·−IWAE bound, of ${draws(samples)}`,
  "beta-tcvae": summed("beta-tcvae"),
  "dip-vae": summed("dip-vae"),
  "info-vae": summed("info-vae"),
  "wae-mmd": summed("wae-mmd"),
  factor: (objective) =>
    sumOf(objectiveTable.factor.weights(objective), {
      ...symbols,
      totalCorrelationNats: `max(0, ${symbols.totalCorrelationNats})`,
    }),
};

/** What `finalObjectiveNats` gives, in symbols: what the best weights are chosen by, and patience and plateau go by. */
export function objectiveName(objective: ObjectiveConfig): string {
  return names[objective.kind](objective as never);
}
