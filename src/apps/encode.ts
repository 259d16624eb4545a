import type { Dataset } from "../data/dataset.ts";
import type { Inference, Posteriors } from "../models/inference.ts";
import { checkDataOf, checkModel } from "./check.ts";
import { examplesOf } from "./examples.ts";

const ROWS_AT_ONCE = 4096; // so that the float32 copy of the pixels stays small

/**
 * q(z|x) of every example of a data set, (count, latent) each, in its order. Grey levels enter as they are (v/255), not
 * binarized, so that an example has one place in the latent space.
 * @throws DataError for data that are no data set, of another shape than the model's, or not finite
 */
export async function encode(model: Inference, data: Dataset): Promise<Posteriors> {
  checkModel(model);
  checkDataOf(model, data);
  const mean = new Float32Array(data.count * model.latent);
  const logvar = new Float32Array(data.count * model.latent);
  for (let start = 0; start < data.count; start += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, data.count - start);
    const posteriors = await model.encode(examplesOf(data, start, rows), rows);
    mean.set(posteriors.mean, start * model.latent);
    logvar.set(posteriors.logvar, start * model.latent);
  }
  return { mean, logvar };
}
