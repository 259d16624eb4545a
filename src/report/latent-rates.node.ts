import { type Dataset, rows } from "../data/dataset.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import type { OpenRun } from "../models/open.node.ts";

/** Enough to tell the latent dimensions apart. */
const most = 1000;

/**
 * The rate of each latent dimension in nats, as `evaluate` gives it, on the first 1,000 examples of a split: by this,
 * and nothing else, traversals are ordered.
 */
export async function latentRates(model: OpenRun, data: Dataset): Promise<readonly number[]> {
  const first = rows(data, 0, Math.min(most, data.count));
  return (await evaluateModel(model, model.backend, first)).rateByLatentNats;
}
