import type { Examples } from "../data/dataset.ts";
import { staticSize } from "../graph/shape.ts";
import type { PortableModel } from "../models/portable.ts";
import type { Backend } from "../runtime/backend.ts";
import { elboScorer } from "./elbo.ts";
import { type Figure, meanAndError } from "./figures.ts";
import { importanceLikelihood } from "./likelihood.ts";

export interface EvaluateOptions {
  /** Importance samples for −log p(x); without, only the ELBO and its parts are computed. */
  readonly samples?: number | undefined;
  /** Seed of binarization and samples. Default: the run's. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Figures of a model on a data set. */
export interface Evaluation {
  readonly data: string;
  readonly split: Examples["split"];
  readonly negElboNats: Figure;
  readonly distortionNats: Figure;
  readonly rateNats: Figure;
  /** −log p(x), when importance samples were asked for. */
  readonly nllNats?: Figure;
  /** Of −log p(x) where it was estimated, else of the bound. */
  readonly bitsPerDim: Figure;
  readonly effectiveSampleSize?: Figure;
  /** Mean rate of each latent dimension, in nats. */
  readonly rateByLatentNats: readonly number[];
  /** Latent dimensions with a rate above 0.01 nats. */
  readonly activeUnits: number;
}

/** A latent dimension carries information when its rate exceeds this; below, it all but equals the prior. */
const activeNats = 0.01;
const batchSize = 200;

/** Scores a model on a data set: the ELBO with its parts, and −log p(x) when importance samples are asked for. */
export async function evaluateModel(
  { description, vae, weights }: PortableModel,
  backend: Backend,
  data: Examples,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { config } = description;
  const { binarization } = config.data;
  const score = {
    binarization,
    seed: options.seed ?? config.train.seed,
    purpose: data.split,
    signal: options.signal,
  };
  const figure = (values: Float64Array, unit: Figure["unit"], samples = 1): Figure => ({
    ...meanAndError(values),
    unit,
    measure: vae.likelihood.measure,
    examples: values.length,
    samples,
    binarization,
  });

  const scorer = await elboScorer(backend, vae, weights, Math.min(batchSize, data.count));
  const elbo = await scorer.score(data, score).finally(() => scorer.release());
  const { samples } = options;
  const likelihood =
    samples === undefined
      ? undefined
      : await importanceLikelihood(backend, vae, weights, data, { ...score, samples, onProgress: options.onProgress });

  const dimensions = staticSize(vae.event);
  const bits = (likelihood?.nllNats ?? elbo.negElboNats).map((nats) => nats / (Math.LN2 * dimensions));
  const rateByLatentNats = [...elbo.rateByLatent];
  return {
    data: data.name,
    split: data.split,
    negElboNats: figure(elbo.negElboNats, "nats"),
    distortionNats: figure(elbo.distortionNats, "nats"),
    rateNats: figure(elbo.rateNats, "nats"),
    ...(likelihood ? { nllNats: figure(likelihood.nllNats, "nats", samples) } : {}),
    bitsPerDim: figure(bits, "bits/dim", likelihood ? samples : 1),
    ...(likelihood ? { effectiveSampleSize: figure(likelihood.effectiveSampleSize, "samples", samples) } : {}),
    rateByLatentNats,
    activeUnits: rateByLatentNats.filter((nats) => nats > activeNats).length,
  };
}
