import type { ObjectiveConfig } from "../config.objective.ts";
import { grad } from "../graph/grad.ts";
import { add, mul } from "../graph/ops/arithmetic.ts";
import { times } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import type { DrawnInput } from "./drawn-inputs.ts";
import { coded, type ExampleTerms, negElbo, type Terms, weightedMean } from "./objective.ts";
import {
  type ByTerm,
  type FurtherTerms,
  isImportanceWeighted,
  isLoaded,
  loadedObjectives,
  objectivePart,
  type Term,
} from "./objective-table.ts";
import type { Vae } from "./vae.ts";

/** What training minimizes over a batch, in nats, and what it reports: weighted means over the examples. */
export interface BatchLoss {
  readonly minimize: Tensor;
  readonly terms: Readonly<Record<keyof Terms, Tensor>> & FurtherTerms<Tensor>;
  /** The input with the weights of the examples, where the loss is a mean by them. */
  readonly weights?: "weight";
}

/** Draws of z that an objective takes of each example. */
export const drawsOf = (objective: ObjectiveConfig): number => objectivePart(objective).draws?.(objective) ?? 1;

/** Inputs that an objective takes beside x, noise and weight. */
export const drawnInputsOf = (vae: Pick<Vae, "latent">, objective: ObjectiveConfig): readonly DrawnInput[] =>
  objectivePart(objective).inputs?.(vae.latent, objective) ?? [];

/** Whether an objective is no mean over examples, but of the whole batch. */
export const ofWholeBatch = (objective: ObjectiveConfig): boolean =>
  objectivePart(objective).whole?.(objective) ?? false;

/**
 * The bound and its parts for each example, as the objective has them: means over its draws.
 * @throws UsageError where the objective's code is not loaded
 */
export function exampleTerms(vae: Vae, objective: ObjectiveConfig, x: Tensor, noise: Tensor): ExampleTerms {
  if (!isImportanceWeighted(objective)) return negElbo(vae, x, noise);
  const terms = loadedObjectives(objective).ofExamples[objective.kind]!;
  return terms(vae, objective as never, x, noise);
}

/** The terms of each example, and scalars that are of the whole batch. */
export interface BatchTerms {
  readonly ofExamples: ExampleTerms;
  readonly ofBatch: FurtherTerms<Tensor>;
}

/**
 * All terms of an objective.
 * @param weight (batch): rows of weight 0 count for nothing, in those of the whole batch too
 * @throws UsageError where the objective's code is not loaded
 */
export function batchTerms(
  vae: Vae,
  objective: ObjectiveConfig,
  { x, noise, weight }: { readonly x: Tensor; readonly noise: Tensor; readonly weight: Tensor },
): BatchTerms {
  const ofBatch = isLoaded(objective) ? loadedObjectives(objective).ofBatch[objective.kind] : undefined;
  if (!ofBatch) return { ofExamples: exampleTerms(vae, objective, x, noise), ofBatch: {} };
  const { posterior, z, ...ofExamples } = coded(vae, x, noise);
  const batch = { vae, posterior, z, rateNats: ofExamples.rateNats, weight };
  return { ofExamples, ofBatch: ofBatch(batch, objective as never) };
}

/** The input that holds the noise of a batch: all rows of the first draw, then those of the second. */
export const noiseInput = (vae: Vae, objective: ObjectiveConfig): Tensor =>
  input("noise", [times("batch", drawsOf(objective)), vae.noiseWidth]);

/**
 * The loss of a batch of inputs x, noise and weight, and what else the objective draws. The scalars of the objective are
 * inputs too, so that they may change between steps: beta of "elbo", gamma and capacityNats of "capacity".
 * @throws UsageError where the objective's code is not loaded
 */
export function batchLoss(vae: Vae, objective: ObjectiveConfig): BatchLoss {
  const weight = input("weight", ["batch"]);
  const [x, noise] = [input("x", ["batch", ...vae.event]), noiseInput(vae, objective)];
  const { ofExamples, ofBatch } = batchTerms(vae, objective, { x, noise, weight });
  const { distortionNats, rateNats, negIwaeNats } = ofExamples;
  const means = {
    distortionNats: weightedMean(distortionNats, weight),
    rateNats: weightedMean(rateNats, weight),
    ...(negIwaeNats ? { negIwaeNats: weightedMean(negIwaeNats, weight) } : {}),
    ...ofBatch,
  };
  const { minimize, weights } = objectivePart(objective);
  return {
    minimize: minimize?.(means, objective) ?? weightedSum(means, weights(objective)),
    terms: { negElboNats: add(means.distortionNats, means.rateNats), ...means },
    ...(ofWholeBatch(objective) ? {} : { weights: "weight" }),
  };
}

/** Σ weight·term over the terms that have a weight. */
function weightedSum(means: ByTerm<Tensor>, weights: ByTerm<number>): Tensor {
  const parts = (Object.entries(weights) as [Term, number][])
    .filter(([, weight]) => weight !== 0)
    .map(([term, weight]) => (weight === 1 ? means[term]! : mul(means[term]!, weight)));
  return parts.reduce(add);
}

/** What a step of training computes of a batch: the loss, and the gradients of the trained parameters. */
export function trainingStep(vae: Vae, objective: ObjectiveConfig): Tensor[] {
  const { minimize } = batchLoss(vae, objective);
  const trained = vae.parameters.filter(({ role }) => role === "trained");
  return [
    minimize,
    ...grad(
      minimize,
      trained.map(({ tensor }) => tensor),
    ),
  ];
}
