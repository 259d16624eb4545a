import { negElboConfig, type ObjectiveConfig } from "../config.objective.ts";
import type { Binarization } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { closedKlByLatent } from "../distributions/latent.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { batchRange } from "../models/batch-range.ts";
import { batchBytes, batchFiller } from "../models/batches.ts";
import { drawnWidth } from "../models/drawn-inputs.ts";
import { examplesName, type FurtherTerms, hasBatchTerms, loadObjective } from "../models/objective-table.ts";
import { batchTerms, drawnInputsOf, drawsOf, exampleTerms, noiseInput } from "../models/step.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { compile } from "../runtime/program.ts";
import { randomOrder } from "../runtime/shuffle.ts";

/** The ELBO and its parts for each example, in nats, and the rate of each latent dimension. */
export interface ElboScores {
  readonly negElboNats: Float64Array;
  readonly distortionNats: Float64Array;
  readonly rateNats: Float64Array;
  /** Minus the bound of several draws, where the objective has one: "iwae", "miwae" and "ciwae". */
  readonly negIwaeNats?: Float64Array;
  /** What the objective has of whole batches, where asked for: means over the batches, by their examples. */
  readonly ofBatches?: FurtherTerms<number>;
  /**
   * Mean over the examples of KL(q(z_j|x) ‖ p(z_j)), for each latent dimension j; undefined where posterior or prior are
   * not independent in each.
   */
  readonly rateByLatent?: Float64Array;
}

export interface ScoreOptions {
  readonly binarization: Binarization;
  readonly seed: number;
  readonly purpose: string;
  readonly signal?: Pick<AbortSignal, "throwIfAborted"> | undefined;
}

export interface ElboScorer {
  /** Scores a data set with as many draws of the latents as the objective takes, the same draws at every call. */
  score(data: Examples, options: ScoreOptions): Promise<ElboScores>;
  release(): Promise<void>;
}

/**
 * Compiles the ELBO for scoring. The parameters are views, read at each call: they may change between calls.
 * @param batchesOf how many examples training draws its batches from. With it, what the objective has of whole batches is
 *   computed too, which depends on the batch size: rows are then taken in a random order, the same at every call, and
 *   evenly, for neighbours in a file may be of one class, and a few rows left over tell nothing
 */
export async function elboScorer(
  backend: Backend,
  vae: Vae,
  parameters: Readonly<Record<string, Float32Array>>,
  batchSize: number,
  objective: ObjectiveConfig = negElboConfig,
  { batchesOf }: { readonly batchesOf?: number } = {},
): Promise<ElboScorer> {
  await loadObjective(objective);
  const ofBatches = batchesOf !== undefined;
  const even = ofBatches && hasBatchTerms(objective);
  const { event, latent, noiseWidth, conditions, conditionWidth } = vae;
  const samples = drawsOf(objective);
  // Only the gradient of the other is another one, and it takes log q(z|x) of z anew.
  const scored: ObjectiveConfig = "gradient" in objective ? { ...objective, gradient: "reparameterized" } : objective;
  const [x, noiseOf, weight] = [input("x", ["batch", ...event]), noiseInput(vae, scored), input("weight", ["batch"])];
  const terms = ofBatches
    ? batchTerms(vae, scored, { x, noise: noiseOf, weight })
    : { ofExamples: exampleTerms(vae, scored, x, noiseOf), ofBatch: {} };
  const { negElboNats, distortionNats, rateNats, negIwaeNats } = terms.ofExamples;
  const perLatent = closedKlByLatent(vae.posterior(x), vae.prior()); // (batch, latent)
  const rowwise = { negElboNats, distortionNats, rateNats, ...(negIwaeNats ? { negIwaeNats } : {}) };
  const rateByLatent = perLatent && sum(mul(perLatent, reshape(weight, ["batch", 1])), [0]);
  const program = await compile(backend, { ...terms.ofBatch, ...rowwise, ...(rateByLatent ? { rateByLatent } : {}) });
  const size = staticSize(event);
  const drawn = ofBatches ? drawnInputsOf(vae, objective) : [];
  const drawnFloats = drawn.reduce((total, input) => total + batchSize * drawnWidth(input) + 16, 0);
  const floats = batchSize * (size + noiseWidth * samples + conditionWidth + 1 + 4) + latent + drawnFloats;
  const kernels = createKernels(4 * floats + batchBytes(batchSize, size) + 32 * 64);
  const arrays = {
    kernels,
    x: kernels.float32(batchSize * size),
    noise: kernels.float32(batchSize * noiseWidth * samples),
    weight: kernels.float32(batchSize),
    example: kernels.uint32(batchSize),
    pixels: kernels.uint8(batchSize * size),
    condition: conditions && { conditions, values: kernels.float32(batchSize * conditionWidth) },
    noiseWidth,
    samples,
    drawn: drawn.map((input) => ({ ...input, out: kernels.float32(batchSize * drawnWidth(input)) })),
  };
  const arraysOf = (names: readonly string[], length: number) =>
    Object.fromEntries(names.map((name) => [name, kernels.float32(length)]));
  const ofRows = arraysOf(Object.keys(rowwise), batchSize);
  const ofBatch = arraysOf(Object.keys(terms.ofBatch), 1);
  const rates = rateByLatent && kernels.float32(latent);
  const examples = kernels.float32(1);
  examples[0] = batchesOf ?? 0;
  const feeds = {
    ...{ ...parameters, x: arrays.x, noise: arrays.noise, weight: arrays.weight, [examplesName]: examples },
    ...Object.fromEntries(arrays.drawn.map(({ name, out }) => [name, out])),
    ...(arrays.condition ? { condition: arrays.condition.values } : {}),
  };
  const run = program.bind(batchSize, feeds, { ...ofRows, ...ofBatch, ...(rates ? { rateByLatent: rates } : {}) });
  return {
    async score(data, { binarization, seed, purpose, signal }) {
      const fill = batchFiller(data, arrays, { binarization, seed, purpose });
      const scores = Object.fromEntries(Object.keys(ofRows).map((name) => [name, new Float64Array(data.count)]));
      const means = Object.fromEntries(Object.keys(ofBatch).map((name) => [name, 0]));
      const rateByLatent = rates && new Float64Array(latent);
      const order = even
        ? randomOrder(data.count, siteKey(seed, `order/${purpose}`), 0)
        : Uint32Array.from({ length: data.count }, (_, i) => i);
      for (let place = 0; place * batchSize < data.count; place++) {
        signal?.throwIfAborted();
        const rows = order.subarray(...batchRange(place, { count: data.count, batchSize, even }));
        fill(rows, { epoch: 0, step: 0 });
        await run();
        for (const [name, values] of Object.entries(scores))
          rows.forEach((row, i) => {
            values[row] = ofRows[name]![i]!;
          });
        for (const [name, [value]] of Object.entries(ofBatch)) means[name]! += (value! * rows.length) / data.count;
        rateByLatent?.forEach((_, j) => {
          rateByLatent[j]! += rates![j]! / data.count;
        });
      }
      return {
        ...(scores as unknown as ElboScores),
        ...(ofBatches ? { ofBatches: means } : {}),
        ...(rateByLatent ? { rateByLatent } : {}),
      };
    },
    release: () => program.release(),
  };
}
