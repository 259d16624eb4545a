import type { Inference } from "../models/inference.ts";
import { checkModel } from "./check.ts";

/** Inputs and what the model makes of them: means of p(x|z) at their codes. All (count, ...event). */
export interface Reconstructions {
  readonly inputs: Float32Array;
  readonly reconstructions: Float32Array;
  readonly event: readonly number[];
  readonly count: number;
}

/** x: (count, ...event). */
export async function reconstruct(model: Inference, x: Float32Array, count: number): Promise<Reconstructions> {
  checkModel(model);
  const { code } = await model.encode(x, count);
  return { inputs: x, reconstructions: await model.decode(code, count), event: model.event, count };
}
