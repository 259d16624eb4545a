import type { Posterior } from "../../distributions/latent.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Vae } from "../vae.ts";

/** A batch as an objective of the whole of it sees it. */
export interface CodedBatch {
  readonly vae: Vae;
  readonly posterior: Posterior;
  /** Draws of q(z|x): (batch, latent). */
  readonly z: Tensor;
  /** (batch) */
  readonly rateNats: Tensor;
  /** (batch): 0 of rows that are none. */
  readonly weight: Tensor;
}
