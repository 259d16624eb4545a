import type { Examples } from "../data/dataset.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { logsumexp } from "../graph/ops/reduce.ts";
import { sizeAt, staticSize } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type BatchArrays, batchBytes, batchFiller } from "../models/batches.ts";
import { drawnTerms } from "../models/objective.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { compile, type Program } from "../runtime/program.ts";
import type { ScoreOptions } from "./elbo.ts";

export interface LikelihoodOptions extends ScoreOptions {
  readonly signal?: AbortSignal | undefined;
  /** Importance samples for each example. */
  readonly samples: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A way to estimate −log p(x) of a data set: in this thread, or in several. */
export type EstimateLikelihood = (data: Examples, options: LikelihoodOptions) => Promise<LikelihoodScores>;

export interface LikelihoodScores {
  /** −log p(x) of each example in nats, estimated from above on average. */
  readonly nllNats: Float64Array;
  /** (Σw)²/Σw² of each example: of how many samples of equal weight the estimate is worth. */
  readonly effectiveSampleSize: Float64Array;
}

/** Rows of the decoder at once: its activations then stay in the processor's cache. */
const rowsAtOnce = 250;

/** Examples that are scored at once; their places beside each other may change the last bits. */
export function examplesAtOnce(samples: number): number {
  return Math.max(1, Math.floor(rowsAtOnce / samples));
}

export interface LikelihoodScorer {
  score(data: Examples, options: ScoreOptions & Pick<LikelihoodOptions, "onProgress">): Promise<LikelihoodScores>;
  release(): Promise<void>;
}

/** −log p(x) of one data set; see likelihoodScorer. */
export async function importanceLikelihood(
  backend: Backend,
  vae: Vae,
  parameters: Readonly<Record<string, Float32Array>>,
  data: Examples,
  { samples, ...options }: LikelihoodOptions,
): Promise<LikelihoodScores> {
  const scorer = await likelihoodScorer(backend, vae, parameters, samples);
  return scorer.score(data, options).finally(() => scorer.release());
}

/**
 * Compiles −log p(x) by importance sampling from the posterior (Rezende et al. 2014, appendix E; Burda et al. 2016,
 * eq. 8): log 1/K Σ p(x|z)·p(z)/q(z|x). The sum is streamed in chunks, so memory does not grow with K; and a chunk's sum
 * is taken as log-sum-exp, so nothing overflows. Noise is keyed by example and sample: the chunks do not matter.
 */
export async function likelihoodScorer(
  backend: Backend,
  vae: Vae,
  parameters: Readonly<Record<string, Float32Array>>,
  samples: number,
): Promise<LikelihoodScorer> {
  const compiled: Program[] = [];
  const release = async () => {
    await Promise.all(compiled.map((program) => program.release()));
  };
  const program = async (outputs: Readonly<Record<string, Tensor>>): Promise<Program> => {
    compiled.push(await compile(backend, outputs));
    return compiled.at(-1)!;
  };
  const priorHead = prefixed("p", vae.priorHead());
  try {
    const heads = {
      encoder: await program(prefixed("q", vae.posteriorHead(input("x", ["batch", ...vae.event])))),
      prior: Object.keys(priorHead).length === 0 ? undefined : await program(priorHead),
    };
    const chunks: ChunkProgram[] = [];
    for (const k of chunksOf(samples)) chunks.push({ k, program: await program(chunkOutputs(vae, k)) });
    return { score: streaming(vae, parameters, samples, heads, chunks), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** What the draws have in common: of each example; and of all of them, where the prior computes anything for that. */
interface Heads {
  readonly encoder: Program;
  readonly prior: Program | undefined;
}

interface ChunkProgram {
  readonly k: number;
  readonly program: Program;
}

/** Samples that are drawn at once: whole chunks, and what is left over. */
function chunksOf(samples: number): number[] {
  const chunk = Math.min(samples, rowsAtOnce);
  return [chunk, ...(samples % chunk === 0 ? [] : [samples % chunk])];
}

/** Ties the programs to arrays, and scores data set by data set through them. */
function streaming(
  vae: Vae,
  parameters: Readonly<Record<string, Float32Array>>,
  samples: number,
  { encoder, prior }: Heads,
  programs: readonly ChunkProgram[],
): LikelihoodScorer["score"] {
  const { event, noiseWidth, conditions, conditionWidth } = vae;
  const rows = examplesAtOnce(samples);
  const size = staticSize(event);
  const noiseFloats = programs.reduce((total, { k }) => total + k * rows * noiseWidth + 16, 0);
  const common = [...encoder.outputs, ...(prior?.outputs ?? [])];
  const headFloats = common.reduce((total, { shape }) => total + sizeAt(shape, rows) + 16, 0);
  const kernels = createKernels(
    4 * (rows * (size + conditionWidth + 3) + noiseFloats + headFloats) + batchBytes(rows, size) + 64 * 16,
  );
  const arrays: BatchArrays = {
    kernels,
    x: kernels.float32(rows * size),
    weight: kernels.float32(rows),
    example: kernels.uint32(rows),
    pixels: kernels.uint8(rows * size),
    condition: conditions && { conditions, values: kernels.float32(rows * conditionWidth) },
    noiseWidth,
    samples: 1,
  };
  const heads = Object.fromEntries(common.map(({ name, shape }) => [name, kernels.float32(sizeAt(shape, rows))]));
  const headsOf = ({ outputs }: Program) => Object.fromEntries(outputs.map(({ name }) => [name, heads[name]!]));
  const sums = { total: kernels.float32(rows), squares: kernels.float32(rows) };
  const given = arrays.condition ? { condition: arrays.condition.values } : {};
  const encode = encoder.bind(rows, { ...parameters, ...given, x: arrays.x }, headsOf(encoder));
  const computePrior = prior?.bind(rows, { ...parameters, ...given }, headsOf(prior));
  const ofRows = vae.prior().kind === "normal"; // p(z|c), and not the same for all
  const runs = programs.map(({ k, program }) => {
    const noise = kernels.float32(k * rows * noiseWidth);
    return { k, noise, run: program.bind(rows, { ...parameters, ...heads, ...given, x: arrays.x, noise }, sums) };
  });

  return async (data, options) => {
    const { seed, purpose, signal, onProgress } = options;
    const fill = batchFiller(data, arrays, options);
    const key = siteKey(seed, `importance/${purpose}`);
    const scores = { nllNats: new Float64Array(data.count), effectiveSampleSize: new Float64Array(data.count) };
    if (!ofRows) await computePrior?.();
    for (let from = 0; from < data.count; from += rows) {
      const count = Math.min(rows, data.count - from);
      fill(
        Uint32Array.from({ length: count }, (_, i) => from + i),
        { epoch: 0, step: 0 },
      );
      await encode();
      if (ofRows) await computePrior?.();
      const total = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
      const squares = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
      for (let drawn = 0; drawn < samples; ) {
        signal?.throwIfAborted();
        const { k, noise, run } = runs.find((part) => part.k <= samples - drawn)!;
        kernels.normals(noise, key, 0, arrays.example, noiseWidth, drawn, k);
        await run();
        for (let i = 0; i < count; i++) {
          total[i] = logAddExp(total[i]!, sums.total[i]!);
          squares[i] = logAddExp(squares[i]!, sums.squares[i]!);
        }
        drawn += k;
      }
      for (let i = 0; i < count; i++) {
        scores.nllNats[from + i] = Math.log(samples) - total[i]!;
        scores.effectiveSampleSize[from + i] = Math.exp(2 * total[i]! - squares[i]!);
      }
      onProgress?.(from + count, data.count);
    }
    return scores;
  };
}

/** What the draws of an example have in common, by names that the programs share. */
const prefixed = (prefix: string, head: object): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(head).map(([name, tensor]) => [`${prefix}:${name}`, tensor]));

/** log Σ w and log Σ w² of k samples of each example. */
function chunkOutputs(vae: Vae, k: number): Readonly<Record<"total" | "squares", Tensor>> {
  const x = input("x", ["batch", ...vae.event]);
  const given = <Head extends object>(prefix: string, head: Head) =>
    Object.fromEntries(
      Object.entries(head).map(([name, { shape }]) => [name, input(`${prefix}:${name}`, shape)]),
    ) as unknown as Head;
  const posterior = vae.posteriorOf(given("q", vae.posteriorHead(x)));
  const prior = vae.priorOf(given("p", vae.priorHead()));
  const { logWeights } = drawnTerms(vae, posterior, prior, x, input("noise", [k, "batch", vae.noiseWidth])); // (k, batch)
  return { total: logsumexp(logWeights, [0]), squares: logsumexp(mul(logWeights, 2), [0]) };
}

/** log(e^a + e^b) */
function logAddExp(a: number, b: number): number {
  const larger = Math.max(a, b);
  return larger === Number.NEGATIVE_INFINITY ? larger : larger + Math.log1p(Math.exp(-Math.abs(a - b)));
}
