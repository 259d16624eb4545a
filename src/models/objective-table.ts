import type {
  BetaTcvaeConfig,
  CapacityConfig,
  DipVaeConfig,
  ElboConfig,
  InfoVaeConfig,
  ObjectiveConfig,
  ObjectiveKind,
  ObjectiveOf,
  WaeMmdConfig,
} from "../config.objective.ts";
import { UsageError } from "../errors.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import type { DrawnInput } from "./drawn-inputs.ts";
import { betaObjective, capacityObjective } from "./objective.ts";

/*
 * Every kind of objective: what it draws, what it weighs, how that changes with the step. Its keys and defaults stand in
 * config.objective.ts, its name in symbols in train/objective-name.ts. The code of terms beside distortion and rate is in
 * objectives/, and loaded when a config names one.
 */

/** Terms that objectives have beside distortion and rate, in nats but for the penalties, which are pure numbers. */
export const furtherTerms = [
  /** The bound of several draws, of "iwae", "miwae" and "ciwae". */
  "negIwaeNats",
  /** Σ max(λ, rate) over groups of latents, of "elbo" with free bits. */
  "freeRateNats",
  /** The three terms of the rate, of "beta-tcvae"; "factor" has the second of them. */
  "mutualInformationNats",
  "totalCorrelationNats",
  "dimensionwiseKlNats",
  /** Of "dip-vae". */
  "offDiagonalPenalty",
  "diagonalPenalty",
  /** Of "info-vae" and "wae-mmd". */
  "mmd",
  /** Of the discriminator of "factor": its loss, and the share of codes that it is right about. */
  "discriminatorNats",
  "discriminatorAccuracy",
] as const;
export type FurtherTerm = (typeof furtherTerms)[number];
export type FurtherTerms<Value> = Readonly<Partial<Record<FurtherTerm, Value>>>;

/** What a loss is the weighted sum of. */
export type Term = "distortionNats" | "rateNats" | FurtherTerm;
/** Numbers or tensors by term. */
export type ByTerm<Value> = Readonly<Partial<Record<Term, Value>>>;

/** Name of the scalar input that holds how many examples batches are drawn from, where an objective asks for it. */
export const examplesName = "examples";

/** What an objective is made with beside the terms, by its kind: inputs of the training program. */
export interface ObjectiveScalars {
  /** Of "elbo". */
  readonly beta?: number | undefined;
  /** Of "capacity". */
  readonly gamma?: number | undefined;
  /** C. */
  readonly capacityNats?: number | undefined;
}

/** One kind of objective. */
interface ObjectivePart<Objective> {
  /** What each term weighs as the schedule ends. */
  readonly weights: (objective: Objective) => ByTerm<number>;
  /** What is minimized, of the terms' means over the batch. Default: their sum by `weights`. */
  readonly minimize?: (means: ByTerm<Tensor>, objective: Objective) => Tensor;
  /** The same of numbers, as the schedule ends. Default: their sum by `weights`. */
  readonly final?: (means: ByTerm<number | undefined>, objective: Objective) => number;
  /** Scalar inputs at a step, counted from 1. */
  readonly scalars?: (objective: Objective, step: number) => ObjectiveScalars;
  /** Draws of z of each example. Default: 1. */
  readonly draws?: (objective: Objective) => number;
  /** Inputs beside x, noise and weight. */
  readonly inputs?: (latent: number, objective: Objective) => readonly DrawnInput[];
  /** Whether the loss is no mean over the examples: then a batch is never divided. Default: false. */
  readonly whole?: (objective: Objective) => boolean;
  /** Whether its terms are computed by code that is loaded. Default: true. */
  readonly loads?: (objective: Objective) => boolean;
}

const always = () => true;
const never = () => false;

/** Draws of the prior, which codes are compared with. */
export const priorNoise = (latent: number): DrawnInput => ({
  ...{ name: "priorNoise", kind: "normals", columns: latent, samples: 1 },
});

const freeBits = ({ freeBits }: ElboConfig): boolean => freeBits > 0;

export const objectiveTable: { readonly [Kind in ObjectiveKind]: ObjectivePart<ObjectiveOf<Kind>> } = {
  elbo: {
    weights: (objective) => ({
      distortionNats: 1,
      ...(freeBits(objective) ? { freeRateNats: objective.beta } : { rateNats: objective.beta }),
    }),
    minimize: ({ distortionNats, rateNats, freeRateNats }) =>
      betaObjective({ distortionNats: distortionNats!, rateNats: freeRateNats ?? rateNats! }, input("beta", [])),
    scalars: (objective, step) => ({ beta: betaAt(objective, step) }),
    whole: freeBits,
    loads: freeBits,
  },
  capacity: {
    weights: () => ({ distortionNats: 1 }),
    minimize: ({ distortionNats, rateNats }) =>
      capacityObjective(
        { distortionNats: distortionNats!, rateNats: rateNats! },
        input("gamma", []),
        input("capacityNats", []),
      ),
    final: ({ distortionNats, rateNats }, { gamma, to }) => distortionNats! + gamma * Math.abs(rateNats! - to),
    scalars: (objective, step) => ({ gamma: objective.gamma, capacityNats: capacityAt(objective, step) }),
    whole: always,
    loads: never,
  },
  iwae: { weights: () => ({ negIwaeNats: 1 }), draws: ({ samples }) => samples },
  miwae: { weights: () => ({ negIwaeNats: 1 }), draws: ({ samples, bounds }) => samples * bounds },
  // share·ELBO + (1 − share)·IWAE (Rainforth et al. 2018)
  ciwae: {
    weights: ({ share }) => ({ distortionNats: share, rateNats: share, negIwaeNats: 1 - share }),
    draws: ({ samples }) => samples,
  },
  // Chen et al. (2018), eq. 4
  "beta-tcvae": {
    weights: ({ alpha, beta, gamma }: BetaTcvaeConfig) => ({
      distortionNats: 1,
      mutualInformationNats: alpha,
      totalCorrelationNats: beta,
      dimensionwiseKlNats: gamma,
    }),
    whole: always,
  },
  // Kumar et al. (2018), eq. 6 and 7
  "dip-vae": {
    weights: ({ lambdaOd, lambdaD }: DipVaeConfig) => ({
      distortionNats: 1,
      rateNats: 1,
      offDiagonalPenalty: lambdaOd,
      diagonalPenalty: lambdaD,
    }),
    whole: always,
  },
  // Zhao et al. (2019), with MMD² for the divergence
  "info-vae": {
    weights: ({ alpha, lambda }: InfoVaeConfig) => ({
      distortionNats: 1,
      rateNats: 1 - alpha,
      mmd: alpha + lambda - 1,
    }),
    inputs: (latent) => [priorNoise(latent)],
    whole: always,
  },
  // Tolstikhin et al. (2018), eq. 4
  "wae-mmd": {
    weights: ({ lambda }: WaeMmdConfig) => ({ distortionNats: 1, mmd: lambda }),
    inputs: (latent) => [priorNoise(latent)],
    whole: always,
  },
  // Kim & Mnih (2018), eq. 2
  factor: {
    weights: ({ gamma }) => ({ distortionNats: 1, rateNats: 1, totalCorrelationNats: gamma }),
    // Below 0 it is the discriminator that is wrong, and a model is not the better for that.
    final: ({ distortionNats, rateNats, totalCorrelationNats }, { gamma }) =>
      distortionNats! + rateNats! + gamma * Math.max(0, totalCorrelationNats!),
    whole: always,
  },
};

/** The entry of an objective's kind. */
export const objectivePart = ({ kind }: ObjectiveConfig): ObjectivePart<ObjectiveConfig> =>
  objectiveTable[kind] as ObjectivePart<ObjectiveConfig>;

/** Whether an objective has a bound of several draws, `negIwaeNats`. */
export const isImportanceWeighted = (
  objective: ObjectiveConfig,
): objective is ObjectiveOf<"iwae" | "miwae" | "ciwae"> => "samples" in objective;

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

type Loaded = typeof import("./objectives/loaded.ts").loadedObjectives;
let loaded: Loaded | undefined;

/** Whether an objective's terms are computed by code that is loaded. */
export const isLoaded = (objective: ObjectiveConfig): boolean => objectivePart(objective).loads?.(objective) ?? true;

/** Whether an objective has terms of the whole batch, which a few rows do not give. A capacity takes means alone. */
export const hasBatchTerms = (objective: ObjectiveConfig): boolean =>
  isLoaded(objective) && (objectivePart(objective).whole?.(objective) ?? false);

/** Loads the code that an objective's terms need, after which its loss can be made. */
export async function loadObjective(objective: ObjectiveConfig): Promise<void> {
  if (isLoaded(objective)) loaded ??= (await import("./objectives/loaded.ts")).loadedObjectives;
}

/** The code of objectives that is loaded. @throws UsageError where it is not */
export function loadedObjectives({ kind }: ObjectiveConfig): Loaded {
  if (loaded) return loaded;
  throw new UsageError(
    `objective.kind "${kind}": its code is not loaded; await loadObjective(objective) before its loss is made`,
  );
}
