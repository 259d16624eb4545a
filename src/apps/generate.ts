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
  return { images: await model.decode(await drawPrior(model, count, seed), count), event: model.event, count };
}

/** z (count, latent) drawn from p(z), row i keyed by i. */
function drawPrior({ prior }: Inference, count: number, seed: number): Promise<Float32Array> {
  const { normal, uniform } = prior.noise;
  const kernels = createKernels(count * (normal + uniform + 1) * 4 + 192);
  const example = kernels.uint32(count);
  for (let i = 0; i < count; i++) example[i] = i;
  const normals = kernels.float32(count * normal);
  const uniforms = kernels.float32(count * uniform);
  kernels.normals(normals, siteKey(seed, "sample"), 0, example, normal);
  if (uniform > 0) kernels.uniforms(uniforms, siteKey(seed, "sample/uniform"), 0, example, uniform);
  return prior.draw(normals, uniforms, count);
}
