import type { Tensor } from "../graph/tensor.ts";
import { fullPosterior } from "./full-normal.ts";
import { diagonalPosterior, type Posterior } from "./latent.ts";
import { normal } from "./normal.ts";
import { rankOnePosterior } from "./rank-one.ts";

/** What an encoder gives: a mean and a log-variance (rows, d), and how the latents are correlated, if they are. */
export interface PosteriorParameters {
  readonly mean: Tensor;
  readonly logvar: Tensor;
  /** Of a full covariance: see `fullPosterior`. */
  readonly below?: Tensor;
  /** Of a precision of rank one more than diagonal: see `rankOnePosterior`. */
  readonly direction?: Tensor;
}

/** The Normal that has these parameters. */
export function posteriorOf({ mean, logvar, below, direction }: PosteriorParameters): Posterior {
  if (below) return fullPosterior({ mean, logvar, below });
  if (direction) return rankOnePosterior({ mean, logvar, direction });
  return diagonalPosterior(normal(mean, logvar));
}
