import type { Binarization } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { kl } from "../distributions/kl.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { batchBytes, batchFiller } from "../models/batches.ts";
import { negElbo } from "../models/objective.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { compile } from "../runtime/program.ts";

/** The ELBO and its parts for each example, in nats, and the rate of each latent dimension. */
export interface ElboScores {
  readonly negElboNats: Float64Array;
  readonly distortionNats: Float64Array;
  readonly rateNats: Float64Array;
  /** Mean over the examples of KL(q(z_j|x) ‖ p(z_j)), for each latent dimension j. */
  readonly rateByLatent: Float64Array;
}

export interface ScoreOptions {
  readonly binarization: Binarization;
  readonly seed: number;
  readonly purpose: string;
  readonly signal?: Pick<AbortSignal, "throwIfAborted"> | undefined;
}

export interface ElboScorer {
  /** Scores a data set with one draw of the latents per example, the same draw at every call. */
  score(data: Examples, options: ScoreOptions): Promise<ElboScores>;
  release(): Promise<void>;
}

/**
 * Compiles the ELBO for scoring. The parameters are views, read at each call: they may change between calls.
 */
export async function elboScorer(
  backend: Backend,
  vae: Vae,
  parameters: Readonly<Record<string, Float32Array>>,
  batchSize: number,
): Promise<ElboScorer> {
  const { event, latent } = vae;
  const x = input("x", ["batch", ...event]);
  const noise = input("noise", ["batch", latent]);
  const weight = input("weight", ["batch"]);
  const { posterior, ...terms } = negElbo(vae, x, noise);
  const perLatent = kl(posterior, vae.prior(noise), posterior.sample(noise)); // (batch, latent)
  const rateByLatent = sum(mul(perLatent, reshape(weight, ["batch", 1])), [0]); // (latent)
  const program = await compile(backend, { ...terms, rateByLatent });
  const size = staticSize(event);
  const floats = batchSize * (size + latent + 1 + 3) + latent;
  const kernels = createKernels(4 * floats + batchBytes(batchSize, size) + 16 * 64);
  const arrays = {
    kernels,
    x: kernels.float32(batchSize * size),
    noise: kernels.float32(batchSize * latent),
    weight: kernels.float32(batchSize),
    example: kernels.uint32(batchSize),
    pixels: kernels.uint8(batchSize * size),
    latent,
    samples: 1,
  };
  const outputs = {
    negElboNats: kernels.float32(batchSize),
    distortionNats: kernels.float32(batchSize),
    rateNats: kernels.float32(batchSize),
    rateByLatent: kernels.float32(latent),
  };
  const run = program.bind(
    batchSize,
    { ...parameters, x: arrays.x, noise: arrays.noise, weight: arrays.weight },
    outputs,
  );
  return {
    async score(data, { binarization, seed, purpose, signal }) {
      const fill = batchFiller(data, arrays, { binarization, seed, purpose });
      const scores: ElboScores = {
        negElboNats: new Float64Array(data.count),
        distortionNats: new Float64Array(data.count),
        rateNats: new Float64Array(data.count),
        rateByLatent: new Float64Array(latent),
      };
      for (let from = 0; from < data.count; from += batchSize) {
        signal?.throwIfAborted();
        const rows = Uint32Array.from({ length: Math.min(batchSize, data.count - from) }, (_, i) => from + i);
        fill(rows, { epoch: 0, step: 0 });
        await run();
        for (const name of ["negElboNats", "distortionNats", "rateNats"] as const)
          scores[name].set(outputs[name].subarray(0, rows.length), from);
        for (let j = 0; j < latent; j++) scores.rateByLatent[j]! += outputs.rateByLatent[j]! / data.count;
      }
      return scores;
    },
    release: () => program.release(),
  };
}
