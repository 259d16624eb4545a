import type { Config } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import { isImportanceWeighted } from "../models/objective-table.ts";
import type { PortableModel } from "../models/portable.ts";
import { checkSupport } from "../models/statistics.ts";
import { drawsOf } from "../models/step.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { type ElboScores, elboScorer } from "./elbo.ts";
import { countActive, type Figure, type Measure, meanAndError } from "./figures.ts";
import { type EstimateLikelihood, importanceLikelihood, type LikelihoodScores } from "./likelihood.ts";

export interface EvaluateOptions {
  /** Importance samples for −log p(x); without, only the ELBO and its parts are computed. */
  readonly samples?: number | undefined;
  /** Seed of binarization and samples. Default: the config's data.seed. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The scores of each example, and what must be alike where those of two models are held against each other. */
export interface ModelScores extends ElboScores, Partial<LikelihoodScores> {
  readonly data: string;
  readonly split: Examples["split"];
  /** (examples): row number of each within its source. */
  readonly index: Uint32Array;
  readonly measure: Measure;
  readonly binarization: Figure["binarization"];
  /** What the figures are conditional on, of a conditional model: they are of p(x|c), and not of p(x). */
  readonly given?: string;
  /** Of binarization and samples. */
  readonly seed: number;
  /** Importance samples of nllNats. */
  readonly samples?: number;
}

/** Figures of a model on a data set. */
export interface Evaluation {
  readonly data: string;
  readonly split: Examples["split"];
  /** What the figures are conditional on, of a conditional model: −log p(x|c), and so on. */
  readonly given?: string;
  readonly negElboNats: Figure;
  readonly distortionNats: Figure;
  readonly rateNats: Figure;
  /** Minus the bound that an importance-weighted model was trained by, of as many draws. */
  readonly negIwaeNats?: Figure;
  /** −log p(x), when importance samples were asked for. */
  readonly nllNats?: Figure;
  /** Of −log p(x) where it was estimated, else of the bound. */
  readonly bitsPerDim: Figure;
  readonly effectiveSampleSize?: Figure;
  /**
   * Mean rate of each latent dimension, in nats; null where the rate is no sum over them: of another posterior than the
   * diagonal normal, or another prior than the standard normal.
   */
  readonly rateByLatentNats: readonly number[] | null;
  /** Latent dimensions with a rate above `activeNats`: a criterion on the KL. */
  readonly activeLatents: number | null;
}

/** Always so many rows of the decoder, the last ones padding: the last bits of a row's score may depend on it. */
const rowsAtOnce = 200;

/**
 * Scores each example of a data set: the ELBO with its parts, and −log p(x) when importance samples are asked for.
 * @param estimate where −log p(x) is estimated. Default: here
 * @throws DataError for an empty data set; UsageError for samples that are no positive integer, or where there is no
 * likelihood to estimate
 */
export async function scoreModel(
  { description, vae, weights }: PortableModel,
  backend: Backend,
  data: Examples,
  options: EvaluateOptions = {},
  estimate: EstimateLikelihood = (examples, own) => importanceLikelihood(backend, vae, weights, examples, own),
): Promise<ModelScores> {
  const { config } = description;
  const { binarization } = config.data;
  const { samples, signal, onProgress, seed = config.data.seed } = options;
  checkPositive("samples", samples);
  if (data.count === 0) throw new DataError(`${data.name}: the ${data.split} split has no examples to evaluate`);
  checkSupport(data, vae.likelihood, config.model.likelihood, config.data.binarization !== "none");
  const measure = measureOf(vae, config, data);
  if (samples !== undefined && measure === "cross-entropy")
    throw new UsageError(
      `samples: the model's Bernoulli likelihood is of 0 and 1, ${data.name} has values between them, and with data.binarization "none" its score is a cross-entropy: there is no likelihood for importance samples to estimate. Evaluate a run trained with data.binarization "static" or "dynamic", or leave the samples out`,
    );
  const score = { binarization, seed, purpose: data.split, signal };
  const batchSize = Math.max(1, Math.floor(rowsAtOnce / drawsOf(config.objective)));
  const scorer = await elboScorer(backend, vae, weights, batchSize, config.objective);
  const elbo = await scorer.score(data, score).finally(() => scorer.release());
  const likelihood = samples === undefined ? {} : await estimate(data, { ...score, samples, onProgress });
  const { name, split, index } = data;
  const given = vae.conditions && { given: vae.conditions.columns.map((column) => column.name).join(", ") };
  const of = {
    data: name,
    split,
    ...given,
    index,
    measure,
    binarization,
    seed,
    ...(samples === undefined ? {} : { samples }),
  };
  return { ...of, ...elbo, ...likelihood };
}

/** The figures of a model on a data set: means of what `scoreModel` gives, whose parameters and errors these are. */
export async function evaluateModel(
  model: PortableModel,
  backend: Backend,
  data: Examples,
  options: EvaluateOptions = {},
  estimate?: EstimateLikelihood,
): Promise<Evaluation> {
  return evaluationOf(model, await scoreModel(model, backend, data, options, estimate));
}

/** The figures that the scores of a model make. */
export function evaluationOf({ description, vae }: PortableModel, scores: ModelScores): Evaluation {
  const { measure, binarization, nllNats, effectiveSampleSize } = scores;
  const { objective } = description.config;
  const draws = drawsOf(objective);
  const ofBound = isImportanceWeighted(objective) ? objective.samples : draws;
  const samples = scores.samples ?? draws; // of the bits: as of what they are made from
  const figure = (values: Float64Array, unit: Figure["unit"], samples = draws): Figure => ({
    ...meanAndError(values),
    unit,
    measure,
    examples: values.length,
    samples,
    binarization,
  });
  const dimensions = staticSize(vae.event);
  const bits = (nllNats ?? scores.negElboNats).map((nats) => nats / (Math.LN2 * dimensions));
  const rateByLatentNats = scores.rateByLatent ? [...scores.rateByLatent] : null;
  return {
    data: scores.data,
    split: scores.split,
    ...(scores.given === undefined ? {} : { given: scores.given }),
    negElboNats: figure(scores.negElboNats, "nats"),
    distortionNats: figure(scores.distortionNats, "nats"),
    rateNats: figure(scores.rateNats, "nats"),
    ...(scores.negIwaeNats ? { negIwaeNats: figure(scores.negIwaeNats, "nats", ofBound) } : {}),
    ...(nllNats ? { nllNats: figure(nllNats, "nats", samples) } : {}),
    bitsPerDim: figure(bits, "bits/dim", samples),
    ...(effectiveSampleSize ? { effectiveSampleSize: figure(effectiveSampleSize, "samples", samples) } : {}),
    rateByLatentNats,
    activeLatents: rateByLatentNats && countActive(rateByLatentNats),
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
