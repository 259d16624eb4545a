import * as z from "zod/mini";
import { checkOptions, choice, integer, section } from "../config.fields.ts";
import type { Given } from "../models/conditions.ts";
import type { Inference } from "../models/inference.ts";
import { checkCount, checkModel, conditionRows } from "./check.ts";
import type { Images } from "./generate.ts";

/** linear: straight lines. slerp: great circles, with the length going evenly from one end's to the other's. */
export type InterpolationPath = "linear" | "slerp";

export interface InterpolateOptions {
  /** Images, the two ends included; at least 2. */
  readonly steps: number;
  /** Default "linear". */
  readonly path?: InterpolationPath;
  /** Of a conditional model: conditions, for both ends or for each of the two. */
  readonly given?: Given | undefined;
}

const schema = section({
  steps: integer(2, "an integer >= 2"),
  path: z.optional(choice(["linear", "slerp"])),
  given: z.optional(z.unknown()),
} satisfies Record<keyof InterpolateOptions, z.ZodMiniType>);

/**
 * Decodes `steps` points from the first example's code to the second's. ends: (2, ...event). What the model takes for their
 * conditions goes evenly from the one's to the other's: of two classes, ever less of the first and more of the second.
 */
export async function interpolate(model: Inference, ends: Float32Array, options: InterpolateOptions): Promise<Images> {
  checkModel(model);
  checkOptions("interpolate", schema, options);
  const { steps, path = "linear" } = options;
  checkCount("interpolate", model, steps);
  const condition = conditionRows("interpolate", model, options.given, 2);
  const { code } = await model.encode(ends, 2, condition);
  const from = code.subarray(0, model.latent);
  const to = code.subarray(model.latent);
  const z = new Float32Array(steps * model.latent);
  for (let step = 0; step < steps; step++) {
    z.set(
      path === "slerp" ? slerp(from, to, step / (steps - 1)) : lerp(from, to, step / (steps - 1)),
      step * model.latent,
    );
  }
  return {
    images: await model.decode(z, steps, condition && between(condition, steps)),
    event: model.event,
    count: steps,
  };
}

/** So many rows from the first of two to the second. */
function between(ends: Float32Array, steps: number): Float32Array {
  const width = ends.length / 2;
  const rows = new Float32Array(steps * width);
  for (let step = 0; step < steps; step++)
    rows.set(lerp(ends.subarray(0, width), ends.subarray(width), step / (steps - 1)), step * width);
  return rows;
}

function lerp(from: Float32Array, to: Float32Array, share: number): Float32Array {
  return from.map((value, i) => (1 - share) * value + share * to[i]!);
}

/**
 * Spherical interpolation (White 2016): the direction turns evenly, the length changes evenly.
 * Linear where the two directions are the same, opposite, or one of them is none.
 */
export function slerp(from: Float32Array, to: Float32Array, share: number): Float32Array {
  const fromLength = Math.hypot(...from);
  const toLength = Math.hypot(...to);
  const cosine = from.reduce((sum, value, i) => sum + value * to[i]!, 0) / (fromLength * toLength);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (!(Math.sin(angle) > 1e-6)) return lerp(from, to, share); // NaN too
  const length = (1 - share) * fromLength + share * toLength;
  const fromWeight = (Math.sin((1 - share) * angle) / Math.sin(angle)) * (length / fromLength);
  const toWeight = (Math.sin(share * angle) / Math.sin(angle)) * (length / toLength);
  return from.map((value, i) => fromWeight * value + toWeight * to[i]!);
}
