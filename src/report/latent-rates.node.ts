import { examplesOf } from "../apps/examples.ts";
import { orderByKl } from "../apps/traverse.ts";
import { type Dataset, rows } from "../data/dataset.ts";
import { evaluateModel } from "../evaluate/evaluate.ts";
import type { OpenRun } from "../models/open.node.ts";

/** Enough to tell the latent dimensions apart. */
const most = 1000;

/** How much a model uses each latent dimension. */
export interface LatentUse {
  /** The rate of each in nats, as `evaluate` gives it; null where the rate is no sum over them. */
  readonly klNats: readonly number[] | null;
  /** From the most used to the least: by the rate, else by the variance of the posterior means. */
  readonly order: readonly number[];
}

/** On the first 1,000 examples of a split: by this, and nothing else, traversals are ordered. */
export async function latentUse(model: OpenRun, data: Dataset): Promise<LatentUse> {
  const count = Math.min(most, data.count);
  const klNats = (await evaluateModel(model, model.backend, rows(data, 0, count))).rateByLatentNats;
  if (klNats) return { klNats, order: orderByKl(klNats) };
  const { mean } = await model.encode(examplesOf(data, 0, count), count);
  return { klNats, order: orderByKl(variances(mean, model.latent)) };
}

/** Of each column of (rows, columns). */
function variances(values: Float32Array, columns: number): number[] {
  return Array.from({ length: columns }, (_, j) => {
    const column = values.filter((_, i) => i % columns === j);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    return column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
  });
}
