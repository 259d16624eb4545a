import { checkDataset } from "../data/check.ts";
import type { Dataset } from "../data/dataset.ts";
import { UsageError } from "../errors.ts";
import { staticSize } from "../graph/shape.ts";
import type { Given } from "../models/conditions.ts";
import { checkEvent, type Inference } from "../models/inference.ts";
import { isRecord, show } from "../show.ts";

/**
 * Refuses what is no model, such as the promise of one.
 * @throws UsageError
 */
export function checkModel(model: unknown): asserts model is Inference {
  if (isRecord(model) && typeof model.encode === "function" && typeof model.decode === "function") return;
  const given = typeof model === "string" ? `${show(model)}; load it first` : show(model);
  throw new UsageError(`model: expected an open model, as \`await load("runs/…")\` gives it, got ${given}`);
}

/**
 * Refuses to compute more images than an array holds, before any is.
 * @throws UsageError
 */
export function checkCount(call: string, { event, latent }: Inference, count: number): void {
  const values = Math.max(staticSize(event), latent + 1);
  if (count * values <= mostValues) return;
  throw new UsageError(
    `${call}: expected at most ${Math.floor(mostValues / values)} images of this model at once, got ${count}; ask for fewer at a time`,
  );
}

/** 4 GB of float32, which every engine holds in one array. */
const mostValues = 1e9;

/**
 * What a call is given for a conditional model, as the model takes it: (rows, width); undefined for other models.
 * @throws UsageError for what is missing, unknown or out of range, or given to a model that is not conditional
 */
export function conditionRows(
  call: string,
  { conditions }: Inference,
  given: Given | undefined,
  rows: number,
): Float32Array | undefined {
  if (conditions) return conditions.encode(given, rows, `${call}: given`);
  if (given === undefined) return undefined;
  throw new UsageError(`${call}: given: the model is not conditional, and takes no conditions; leave it out`);
}

/**
 * Refuses what is no data set whose examples have the model's shape.
 * @throws DataError
 */
export function checkDataOf(model: Inference, data: unknown): asserts data is Dataset {
  checkDataset(data, "data");
  checkEvent(model, data);
}
