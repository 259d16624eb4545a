import * as z from "zod/mini";
import { checkOptions, choice, options as fields, integer, section } from "../config.fields.ts";
import type { Dataset, Splits } from "../data/dataset.ts";
import { DataError, UsageError } from "../errors.ts";
import { neg } from "../graph/ops/arithmetic.ts";
import { input } from "../graph/tensor.ts";
import { aggregateDraws } from "../models/aggregate-posterior.ts";
import { fitMixture, mixtureNegLogProb } from "../models/gaussian-mixture.ts";
import type { PortableModel } from "../models/portable.ts";
import { type SamplerKind, samplerKinds } from "../models/sampler-kinds.ts";
import type { SamplerShape } from "../models/sampler-parts.ts";
import { checkUnconditional, type SamplerDescription, saveSampler } from "../models/samplers.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { Storage } from "../storage/storage.ts";
import { fitFlow } from "../train/fit-flow.ts";

/** What can be asked of a sampler. */
export interface SamplerWishes {
  readonly kind: SamplerKind;
  /** Of the mixture, full covariances; of "flow" diagonal ones, which the flow bends. Default 10. */
  readonly components?: number | undefined;
  /** Optimizer steps of "flow". Default 3000. */
  readonly steps?: number | undefined;
  /** Of the draws of z, and of where the fit starts. Default: the run's. */
  readonly seed?: number | undefined;
}

export interface FitOptions extends SamplerWishes {
  readonly signal?: Pick<AbortSignal, "throwIfAborted"> | undefined;
  readonly onProgress?: ((progress: FitProgress) => void) | undefined;
}

/** How far it is: of the draws of z, one for each training example, or of the steps of the fit. */
export interface FitProgress {
  readonly stage: "draws" | "fit";
  readonly done: number;
  /** At most so many. */
  readonly total: number;
}

export interface FittedSampler {
  readonly kind: SamplerKind;
  /** Where it is stored. */
  readonly file: string;
  readonly components: number;
  /** Optimizer steps, or iterations of EM. */
  readonly steps: number;
  /** Training examples, of each of which z was drawn once. */
  readonly examples: number;
  readonly seed: number;
  /** Mean of −log q(z) over draws of z for the validation examples. */
  readonly negLogProbNats: number;
  /** The same of −log p(z), the model's own prior; null where it is not finite, as of draws that are too far from it. */
  readonly priorNegLogProbNats: number | null;
}

export const fitOptions = {
  kind: choice(samplerKinds),
  components: z.optional(integer(1, "a positive integer")),
  steps: z.optional(integer(1, "a positive integer")),
  seed: z.optional(fields.seed),
  signal: fields.signal,
  onProgress: fields.onProgress,
};
const schema = section(fitOptions satisfies Record<keyof FitOptions, z.ZodMiniType>);

const defaults = { components: 10, steps: 3000 };
const flow = { layers: 6, hidden: [256] };
/** Validation examples that the likelihood is taken of. */
const mostHeld = 10_000;

/** Whether a sampler is what is wished for. */
export const suits = ({ shape, steps, seed }: SamplerDescription, wishes: SamplerWishes): boolean =>
  (wishes.components ?? shape.components) === shape.components &&
  (wishes.steps ?? steps) === steps &&
  (wishes.seed ?? seed) === seed;

/**
 * Fits a sampler to draws of q(z|x), one for each training example (ex-post density estimation, Ghosh et al. 2020,
 * section 4), and stores it with the model.
 * @throws UsageError for a conditional model or a wrong option; DataError for too few examples; NumericalError where draws
 * or likelihood are not finite
 */
export async function fitSamplerOf(
  model: PortableModel,
  backend: Backend,
  storage: Storage,
  data: Pick<Splits, "train" | "validation">,
  options: FitOptions,
): Promise<FittedSampler> {
  checkOptions("fitSampler", schema, options);
  checkUnconditional(model.description);
  const { description, vae } = model;
  const { kind, signal, onProgress, components = defaults.components } = options;
  const { seed = description.config.train.seed, steps = defaults.steps } = options;
  checkSteps(options);
  const { train, validation } = data;
  checkExamples(train, vae.latent, kind, components);
  const draws = (of: Dataset, told: boolean) =>
    aggregateDraws(model, backend, of, {
      ...{ seed, signal },
      onProgress: told ? (done, total) => onProgress?.({ stage: "draws", done, total }) : undefined,
    });
  const rows = await draws(train, true);
  const held = (await draws(validation, false)).subarray(0, mostHeld * vae.latent);
  const fitted = await fitKind(backend, rows, held, vae.latent, {
    ...{ kind, components, steps, seed, signal },
    told: (done, total) => onProgress?.({ stage: "fit", done, total }),
  });
  const { shape, weights, ...numbers } = fitted;
  const own = { examples: train.count, seed, ...numbers, priorNegLogProbNats: await priorNats(model, backend, held) };
  const file = await saveSampler(
    storage,
    vae.latent,
    {
      ...{ format: "vaekit-sampler", version: 1, shape, weightsSha256: description.weightsSha256 },
      ...{ data: train.fingerprint, dataName: train.name },
      ...own,
    },
    weights,
  );
  return { kind, file, components, ...own };
}

interface Fit {
  readonly shape: SamplerShape;
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly steps: number;
  readonly negLogProbNats: number;
}

interface FitSettings {
  readonly kind: SamplerKind;
  readonly components: number;
  readonly steps: number;
  readonly seed: number;
  readonly signal: FitOptions["signal"];
  readonly told: (done: number, total: number) => void;
}

async function fitKind(
  backend: Backend,
  rows: Float32Array,
  held: Float32Array,
  latent: number,
  { kind, components, steps, seed, signal, told }: FitSettings,
): Promise<Fit> {
  if (kind === "flow") {
    const shape = { kind, components, ...flow };
    const fitted = await fitFlow(backend, shape, rows, held, latent, { steps, seed, signal, onProgress: told });
    return { shape, steps, ...fitted };
  }
  const { mixture, trace } = await fitMixture(backend, rows, latent, { components, seed, signal, onProgress: told });
  const negLogProbNats = await mixtureNegLogProb(backend, mixture, held);
  const weights = Object.fromEntries(
    Object.entries(mixture).map(([name, values]: [string, Float64Array]) => [name, Float32Array.from(values)]),
  );
  return { shape: { kind, components }, steps: trace.length, weights, negLogProbNats };
}

/** Mean of −log p(z) of the model's own prior, in nats; null where it is not finite. */
async function priorNats({ vae, weights }: PortableModel, backend: Backend, z: Float32Array): Promise<number | null> {
  const program = await compile(backend, { nats: neg(vae.prior().logProb(input("z", ["batch", vae.latent]))) });
  try {
    const nats = (await program.run({ ...weights, z })).nats!.data as Float32Array;
    const mean = nats.reduce((total, value) => total + value, 0) / nats.length;
    return Number.isFinite(mean) ? mean : null;
  } finally {
    await program.release();
  }
}

/** @throws UsageError where steps would change nothing */
function checkSteps({ kind, steps }: SamplerWishes): void {
  if (kind === "flow" || steps === undefined) return;
  throw new UsageError(
    `fitSampler: steps: goes with the kind "flow", got "${kind}", which ends by itself; leave it out`,
  );
}

/** A covariance of d latents takes d + 1 examples. @throws DataError */
function checkExamples({ name, count }: Dataset, latent: number, kind: SamplerKind, components: number): void {
  const needed = (latent + 1) * (kind === "mixture" ? components : 1);
  if (count >= needed) return;
  const most = Math.floor(count / (latent + 1));
  const mend =
    kind === "mixture" && most > 0
      ? `take ${most} components at most (--components ${most})`
      : "draw from the model's own prior";
  const of = kind === "mixture" ? `${components} components of ` : "";
  throw new DataError(
    `${name}: the sampler "${kind}" with ${of}${latent} latents needs ${needed} training examples, got ${count}; ${mend}`,
  );
}
