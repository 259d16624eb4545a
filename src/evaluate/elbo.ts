import type { ObjectiveConfig } from "../config.objective.ts";
import type { Binarization } from "../config.ts";
import type { Examples } from "../data/dataset.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { reshape, sum } from "../graph/ops/structure.ts";
import { staticSize } from "../graph/shape.ts";
import { input } from "../graph/tensor.ts";
import { batchBytes, batchFiller } from "../models/batches.ts";
import { drawsOf, exampleTerms, noiseInput } from "../models/step.ts";
import type { Vae } from "../models/vae.ts";
import type { Backend } from "../runtime/backend.ts";
import { createKernels } from "../runtime/kernels.ts";
import { compile } from "../runtime/program.ts";

/** The ELBO and its parts for each example, in nats, and the rate of each latent dimension. */
export interface ElboScores {
  readonly negElboNats: Float64Array;
  readonly distortionNats: Float64Array;
  readonly rateNats: Float64Array;
  /** Minus the bound of several draws, where the objective is "iwae". */
  readonly negIwaeNats?: Float64Array;
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
 */
export async function elboScorer(
  backend: Backend,
  vae: Vae,
  parameters: Readonly<Record<string, Float32Array>>,
  batchSize: number,
  objective: ObjectiveConfig = { kind: "elbo", beta: 1, schedule: { kind: "constant" } },
): Promise<ElboScorer> {
  const { event, latent, noiseWidth } = vae;
  const samples = drawsOf(objective);
  // Only the gradient of the other is another one, and it takes log q(z|x) of z anew.
  const scored: ObjectiveConfig = objective.kind === "iwae" ? { ...objective, gradient: "reparameterized" } : objective;
  const x = input("x", ["batch", ...event]);
  const { negElboNats, distortionNats, rateNats, negIwaeNats } = exampleTerms(vae, scored, x, noiseInput(vae, scored));
  const perLatent = vae.prior().kind === "standard" ? vae.posterior(x).klStandardByLatent?.() : undefined; // (batch, latent)
  const graph = {
    ...{ negElboNats, distortionNats, rateNats },
    ...(negIwaeNats ? { negIwaeNats } : {}),
    ...(perLatent ? { rateByLatent: sum(mul(perLatent, reshape(input("weight", ["batch"]), ["batch", 1])), [0]) } : {}),
  };
  const program = await compile(backend, graph);
  const size = staticSize(event);
  const floats = batchSize * (size + noiseWidth * samples + 1 + 4) + latent;
  const kernels = createKernels(4 * floats + batchBytes(batchSize, size) + 16 * 64);
  const arrays = {
    kernels,
    x: kernels.float32(batchSize * size),
    noise: kernels.float32(batchSize * noiseWidth * samples),
    weight: kernels.float32(batchSize),
    example: kernels.uint32(batchSize),
    pixels: kernels.uint8(batchSize * size),
    noiseWidth,
    samples,
  };
  const names = (Object.keys(graph) as (keyof typeof graph)[]).filter((name) => name !== "rateByLatent");
  const outputs = Object.fromEntries(names.map((name) => [name, kernels.float32(batchSize)]));
  const rates = perLatent && kernels.float32(latent);
  const feeds = { ...parameters, x: arrays.x, noise: arrays.noise, weight: arrays.weight };
  const run = program.bind(batchSize, feeds, { ...outputs, ...(rates ? { rateByLatent: rates } : {}) });
  return {
    async score(data, { binarization, seed, purpose, signal }) {
      const fill = batchFiller(data, arrays, { binarization, seed, purpose });
      const scores = Object.fromEntries(names.map((name) => [name, new Float64Array(data.count)]));
      const rateByLatent = rates && new Float64Array(latent);
      for (let from = 0; from < data.count; from += batchSize) {
        signal?.throwIfAborted();
        const rows = Uint32Array.from({ length: Math.min(batchSize, data.count - from) }, (_, i) => from + i);
        fill(rows, { epoch: 0, step: 0 });
        await run();
        for (const name of names) scores[name]!.set(outputs[name]!.subarray(0, rows.length), from);
        rateByLatent?.forEach((_, j) => {
          rateByLatent[j]! += rates![j]! / data.count;
        });
      }
      return { ...(scores as unknown as ElboScores), ...(rateByLatent ? { rateByLatent } : {}) };
    },
    release: () => program.release(),
  };
}
