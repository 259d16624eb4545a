import * as z from "zod/mini";
import { above0, checkOptions, expected, integer, section } from "../config.fields.ts";
import { UsageError } from "../errors.ts";
import type { Given } from "../models/conditions.ts";
import type { Inference } from "../models/inference.ts";
import { checkCount, checkModel, conditionRows } from "./check.ts";
import type { Images } from "./generate.ts";

export interface TraverseOptions {
  /** The latent dimensions to vary, a row each, in this order. */
  readonly dimensions: readonly number[];
  /** Images in a row, at least 2. */
  readonly steps: number;
  /** From -range to +range, in standard deviations: of the standard normal, or as `start` says. */
  readonly range: number;
  /**
   * (latent): where the other dimensions stay. Default: 0, the mean of a standard normal prior; where the prior is a normal
   * p(z|c), its mean, and the range is about that mean in standard deviations of p(z|c).
   */
  readonly start?: Float32Array;
  /** Of a conditional model: the conditions of all images. */
  readonly given?: Given | undefined;
}

const schema = section({
  dimensions: z.array(z.unknown(), expected("a list of latent dimensions such as [0, 1]")),
  steps: integer(2, "an integer >= 2"),
  range: above0("a number > 0"),
  start: z.optional(z.instanceof(Float32Array, expected("a Float32Array, a value for each latent dimension"))),
  given: z.optional(z.unknown()),
} satisfies Record<keyof TraverseOptions, z.ZodMiniType>);

/**
 * One latent dimension varied at a time: images (dimensions · steps, ...event), a dimension after the other.
 * @throws UsageError for a dimension that the model does not have, a start of another length, or too few steps
 */
export async function traverse(model: Inference, options: TraverseOptions): Promise<Images> {
  checkModel(model);
  checkOptions("traverse", schema, options);
  const { dimensions, steps, range, start } = options;
  const { latent } = model;
  const wrong = dimensions.find((dimension) => !(Number.isInteger(dimension) && dimension >= 0 && dimension < latent));
  if (wrong !== undefined)
    throw new UsageError(`dimensions: expected latent dimensions from 0 to ${latent - 1}, got ${wrong}`);
  if (start && start.length !== latent)
    throw new UsageError(`start: expected ${latent} values, one for each latent dimension, got ${start.length}`);
  const count = dimensions.length * steps;
  checkCount("traverse", model, count);
  const z = new Float32Array(count * latent);
  for (const [row, dimension] of dimensions.entries()) {
    for (let step = 0; step < steps; step++) {
      const offset = (row * steps + step) * latent;
      if (start) z.set(start, offset);
      z[offset + dimension] = range * ((2 * step) / (steps - 1) - 1);
    }
  }
  const condition = conditionRows("traverse", model, options.given, count);
  const around = !start && model.config.model.condition?.prior; // z as noise of p(z|c): its mean + σ·z
  const places = around ? await model.prior.draw(z, new Float32Array(), count, condition) : z;
  return { images: await model.decode(places, count, condition), event: model.event, count };
}

/** The dimensions from the largest KL to the smallest; equal ones in their own order. */
export function orderByKl(klNats: readonly number[]): number[] {
  return Array.from(klNats.keys()).sort((a, b) => klNats[b]! - klNats[a]! || a - b);
}
