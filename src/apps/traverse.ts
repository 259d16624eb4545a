import { UsageError } from "../errors.ts";
import type { Inference, Posteriors } from "../models/inference.ts";
import type { Images } from "./generate.ts";

export interface TraverseOptions {
  /** The latent dimensions to vary, a row each, in this order. */
  readonly dimensions: readonly number[];
  /** Images in a row, at least 2. */
  readonly steps: number;
  /** From -range to +range standard deviations of the prior. */
  readonly range: number;
  /** (latent): where the other dimensions stay. Default: the prior's mean, 0. */
  readonly start?: Float32Array;
}

/** One latent dimension varied at a time: images (dimensions · steps, ...event), a dimension after the other. */
export async function traverse(model: Inference, options: TraverseOptions): Promise<Images> {
  const { dimensions, steps, range, start } = options;
  if (!Number.isInteger(steps) || steps < 2) throw new UsageError(`steps: expected an integer >= 2, got ${steps}`);
  const count = dimensions.length * steps;
  const z = new Float32Array(count * model.latent);
  for (const [row, dimension] of dimensions.entries()) {
    for (let step = 0; step < steps; step++) {
      const offset = (row * steps + step) * model.latent;
      if (start) z.set(start, offset);
      z[offset + dimension] = range * ((2 * step) / (steps - 1) - 1);
    }
  }
  return { images: await model.decode(z, count), event: model.event, count };
}

/**
 * KL(q(z_j|x) || N(0, 1)) of each latent dimension j, in nats, mean over examples: Kingma & Welling (2014), appendix B.
 */
export function klByDimension({ mean, logvar }: Posteriors, latent: number): Float32Array {
  const sums = new Float64Array(latent);
  for (let i = 0; i < mean.length; i++) {
    sums[i % latent]! += 0.5 * (mean[i]! ** 2 + Math.exp(logvar[i]!) - logvar[i]! - 1);
  }
  return Float32Array.from(sums, (sum) => (sum * latent) / mean.length);
}

/** The dimensions from the largest KL to the smallest; equal ones in their own order. */
export function orderByKl(klNats: Float32Array): number[] {
  return Array.from(klNats.keys()).sort((a, b) => klNats[b]! - klNats[a]! || a - b);
}
