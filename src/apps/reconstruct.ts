import type { Given } from "../models/conditions.ts";
import type { Inference } from "../models/inference.ts";
import { checkModel, conditionRows } from "./check.ts";

/** Inputs and what the model makes of them: means of p(x|z) at their codes. All (count, ...event). */
export interface Reconstructions {
  readonly inputs: Float32Array;
  readonly reconstructions: Float32Array;
  readonly event: readonly number[];
  readonly count: number;
}

/**
 * x: (count, ...event).
 * @param given conditions of the examples, for a conditional model
 */
export async function reconstruct(
  model: Inference,
  x: Float32Array,
  count: number,
  given?: Given,
): Promise<Reconstructions> {
  checkModel(model);
  const condition = conditionRows("reconstruct", model, given, count);
  const { code } = await model.encode(x, count, condition);
  return { inputs: x, reconstructions: await model.decode(code, count, condition), event: model.event, count };
}
