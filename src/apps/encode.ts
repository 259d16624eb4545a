import type { Dataset } from "../data/dataset.ts";
import type { Inference, Posteriors } from "../models/inference.ts";
import { checkDataOf, checkModel } from "./check.ts";
import { encoderCondition, examplesOf } from "./examples.ts";

/**
 * q(z|x) and the code of every example of a data set, (count, latent) each, in its order. Grey levels enter as they are (v/255), not
 * binarized, so that an example has one place in the latent space.
 * A conditional model's encoder sees the labels, factors or numbers of the data.
 * @throws DataError for data that are no data set, of another shape than the model's, not finite, or without what a
 * conditional model needs
 */
export async function encode(model: Inference, data: Dataset): Promise<Posteriors> {
  checkModel(model);
  checkDataOf(model, data);
  const { values, count } = data;
  const condition = encoderCondition(model, data, 0, count);
  return model.encode(values instanceof Uint8Array ? values : examplesOf(data, 0, count), count, condition);
}
