import type { Config } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import type { PortableModel } from "../models/portable.ts";
import { checkSupport } from "../models/statistics.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { elboScorer } from "./elbo.ts";
import { countActive, type Figure, type Measure, meanAndError } from "./figures.ts";
import { type EstimateLikelihood, importanceLikelihood } from "./likelihood.ts";

export interface EvaluateOptions {
  /** Importance samples for −log p(x); without, only the ELBO and its parts are computed. */
  readonly samples?: number | undefined;
  /** Seed of binarization and samples. Default: the config's data.seed. */
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
  /** Latent dimensions with a rate above `activeNats`: a criterion on the KL. */
  readonly activeLatents: number;
}

/** Always so many rows, the last ones padding: the last bits of a row's score may depend on it. */
const batchSize = 200;

/**
 * Scores a model on a data set: the ELBO with its parts, and −log p(x) when importance samples are asked for.
 * @param estimate where −log p(x) is estimated. Default: here
 * @throws DataError for an empty data set; UsageError for samples that are no positive integer, or where there is no
 * likelihood to estimate
 */
export async function evaluateModel(
  { description, vae, weights }: PortableModel,
  backend: Backend,
  data: Examples,
  options: EvaluateOptions = {},
  estimate: EstimateLikelihood = (examples, own) => importanceLikelihood(backend, vae, weights, examples, own),
): Promise<Evaluation> {
  const { config } = description;
  const { binarization } = config.data;
  const { samples } = options;
  checkPositive("samples", samples);
  if (data.count === 0) throw new DataError(`${data.name}: the ${data.split} split has no examples to evaluate`);
  checkSupport(data, vae.likelihood, config.model.likelihood.kind, config.data.binarization !== "none");
  const measure = measureOf(vae, config, data);
  if (samples !== undefined && measure === "cross-entropy")
    throw new UsageError(
      `samples: the model's Bernoulli likelihood is of 0 and 1, ${data.name} has values between them, and with data.binarization "none" its score is a cross-entropy: there is no likelihood for importance samples to estimate. Evaluate a run trained with data.binarization "static" or "dynamic", or leave the samples out`,
    );
  const score = {
    binarization,
    seed: options.seed ?? config.data.seed,
    purpose: data.split,
    signal: options.signal,
  };
  const figure = (values: Float64Array, unit: Figure["unit"], samples = 1): Figure => ({
    ...meanAndError(values),
    unit,
    measure,
    examples: values.length,
    samples,
    binarization,
  });

  const scorer = await elboScorer(backend, vae, weights, batchSize);
  const elbo = await scorer.score(data, score).finally(() => scorer.release());
  const likelihood =
    samples === undefined ? undefined : await estimate(data, { ...score, samples, onProgress: options.onProgress });

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
    activeLatents: countActive(rateByLatentNats),
  };
}

function measureOf(vae: Vae, config: Config, { values }: Examples): Measure {
  if (config.model.likelihood.kind !== "bernoulli" || config.data.binarization !== "none")
    return vae.likelihood.measure;
  const one = values instanceof Uint8Array ? 255 : 1;
  return values.every((value: number) => value === 0 || value === one) ? vae.likelihood.measure : "cross-entropy";
}

/** @throws UsageError naming the option, unless it is absent or a positive integer */
export function checkPositive(option: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return;
  throw new UsageError(`${option}: expected a positive integer, got ${value}`);
}
