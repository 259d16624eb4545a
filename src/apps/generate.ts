import type * as z from "zod/mini";
import { checkOptions, options as fields, integer, section } from "../config.fields.ts";
import type { Inference } from "../models/inference.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { checkCount, checkModel } from "./check.ts";

/** Images of one model: (count, ...event), values as the data has them. */
export interface Images {
  readonly images: Float32Array;
  readonly event: readonly number[];
  readonly count: number;
}

export interface GenerateOptions {
  readonly count: number;
  readonly seed: number;
}

const schema = section({
  count: integer(1, "a positive integer"),
  seed: fields.seed,
} satisfies Record<keyof GenerateOptions, z.ZodMiniType>);

/**
 * Means of p(x|z) for z drawn from the prior. Image i depends on the seed and i alone, not on the count.
 * @throws UsageError when the count is no positive integer
 */
export async function generate(model: Inference, options: GenerateOptions): Promise<Images> {
  checkModel(model);
  checkOptions("generate", schema, options);
  const { count, seed } = options;
  checkCount("generate", model, count);
  const z = priorNoise(count, model.latent, seed); // the prior is the standard normal
  return { images: await model.decode(z, count), event: model.event, count };
}

/** Standard normals (count, latent), row i keyed by i. */
function priorNoise(count: number, latent: number, seed: number): Float32Array {
  const kernels = createKernels(count * (latent + 1) * 4 + 128);
  const example = kernels.uint32(count);
  for (let i = 0; i < count; i++) example[i] = i;
  const noise = kernels.float32(count * latent);
  kernels.normals(noise, siteKey(seed, "sample"), 0, example, latent);
  return noise;
}
