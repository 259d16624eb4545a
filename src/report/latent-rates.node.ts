import { encoderCondition, examplesOf } from "../apps/examples.ts";
import { orderByKl } from "../apps/traverse.ts";
import { type Dataset, type Examples, rows } from "../data/dataset.ts";
import { closedKlByLatent } from "../distributions/latent.ts";
import { elboScorer } from "../evaluate/elbo.ts";
import { input } from "../graph/tensor.ts";
import type { OpenRun } from "../models/open.node.ts";

/** Enough to tell the latent dimensions apart. */
const most = 1000;
const rowsAtOnce = 200;

/** How much a model uses each latent dimension. */
export interface LatentUse {
  /** The rate of each in nats, as `evaluate` gives it; null where the rate is no sum over them. */
  readonly klNats: readonly number[] | null;
  /** From the most used to the least: by the rate, else by the variance of the codes. */
  readonly order: readonly number[];
}

/** On the first 1,000 examples of a split: by this, and nothing else, traversals are ordered. */
export async function latentUse(model: OpenRun, data: Dataset): Promise<LatentUse> {
  const count = Math.min(most, data.count);
  const klNats = hasRates(model) ? await ratesOf(model, rows(data, 0, count)) : null;
  if (klNats) return { klNats, order: orderByKl(klNats) };
  const { code } = await model.encode(examplesOf(data, 0, count), count, encoderCondition(model, data, 0, count));
  return { klNats, order: orderByKl(variances(code, model.latent)) };
}

/** Whether the rate is a sum over the latent dimensions. */
function hasRates({ vae, event }: OpenRun): boolean {
  return closedKlByLatent(vae.posterior(input("x", ["batch", ...event])), vae.prior()) !== undefined;
}

/** One draw of each example is enough, whatever the objective takes: the rates are not estimated by draws. */
async function ratesOf({ backend, vae, weights, config }: OpenRun, data: Examples): Promise<readonly number[]> {
  const { binarization, seed } = config.data;
  const scorer = await elboScorer(backend, vae, weights, rowsAtOnce);
  const { rateByLatent } = await scorer
    .score(data, { binarization, seed, purpose: data.split })
    .finally(() => scorer.release());
  return [...rateByLatent!];
}

/** Of each column of (rows, columns). */
function variances(values: Float32Array, columns: number): number[] {
  return Array.from({ length: columns }, (_, j) => {
    const column = values.filter((_, i) => i % columns === j);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    return column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
  });
}
