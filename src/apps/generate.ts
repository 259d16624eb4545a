import * as z from "zod/mini";
import { checkOptions, choice, options as fields, integer, section } from "../config.fields.ts";
import { UsageError } from "../errors.ts";
import type { Given } from "../models/conditions.ts";
import type { Inference } from "../models/inference.ts";
import { type PriorChoice, priorChoices, type SamplerKind } from "../models/sampler-kinds.ts";
import { createKernels } from "../runtime/kernels.ts";
import { siteKey } from "../runtime/philox.ts";
import { checkCount, checkModel, conditionRows } from "./check.ts";

/** Images of one model: (count, ...event), values as the data has them. */
export interface Images {
  readonly images: Float32Array;
  readonly event: readonly number[];
  readonly count: number;
}

export interface GenerateOptions {
  readonly count: number;
  readonly seed: number;
  /**
   * What z is drawn from: "model", its own prior (default), or a sampler that was fitted to it and lies in its run (see
   * `fitSampler`).
   */
  readonly prior?: PriorChoice | undefined;
  /** Of a conditional model: a value of each condition, for all images or for each: { label: 7 }. */
  readonly given?: Given | undefined;
}

const schema = section({
  count: integer(1, "a positive integer"),
  seed: fields.seed,
  prior: z.optional(choice(priorChoices)),
  given: z.optional(z.unknown()),
} satisfies Record<keyof GenerateOptions, z.ZodMiniType>);

/**
 * Means of p(x|z) for z drawn from the prior. Image i depends on the seed, i and its condition alone, not on the count.
 * @throws UsageError when the count is no positive integer, or a condition of a conditional model is missing or unknown; RunError for a sampler that is not there, or was fitted to
 * other weights
 */
export async function generate(model: Inference, options: GenerateOptions): Promise<Images> {
  checkModel(model);
  checkOptions("generate", schema, options);
  const { count, seed, prior = "model", given } = options;
  checkCount("generate", model, count);
  const condition = conditionRows("generate", model, given, count);
  const from = prior === "model" ? model.prior : await samplerIn(model, prior);
  const z = await drawPrior(from, count, seed, condition);
  return { images: await model.decode(z, count, condition), event: model.event, count };
}

function samplerIn(model: Inference, kind: SamplerKind) {
  if (model.sampler) return model.sampler(kind);
  throw new UsageError(
    `generate: prior: "${kind}" is stored with a model in its run, and this model is of none; load one`,
  );
}

/** z (count, latent) drawn from p(z), row i keyed by i. */
function drawPrior(
  prior: Inference["prior"],
  count: number,
  seed: number,
  condition: Float32Array | undefined,
): Promise<Float32Array> {
  const { normal, uniform } = prior.noise;
  const kernels = createKernels(count * (normal + uniform + 1) * 4 + 192);
  const example = kernels.uint32(count);
  for (let i = 0; i < count; i++) example[i] = i;
  const normals = kernels.float32(count * normal);
  const uniforms = kernels.float32(count * uniform);
  kernels.normals(normals, siteKey(seed, "sample"), 0, example, normal);
  if (uniform > 0) kernels.uniforms(uniforms, siteKey(seed, "sample/uniform"), 0, example, uniform);
  return prior.draw(normals, uniforms, count, condition);
}
