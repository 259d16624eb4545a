import type { DipVaeConfig } from "../../config.objective.ts";
import { add, div, mul, square, sub } from "../../graph/ops/arithmetic.ts";
import { matmul } from "../../graph/ops/linear.ts";
import { reshape, sum } from "../../graph/ops/structure.ts";
import { constant, type Tensor } from "../../graph/tensor.ts";
import type { FurtherTerms } from "../objective-table.ts";
import type { CodedBatch } from "./coded-batch.ts";

/**
 * How far the covariance of the codes is from the identity (Kumar et al. 2018, eq. 6 and 7): Σ C_ij² over i ≠ j, and
 * Σ (C_ii − 1)². C is the covariance of the means μ(x) over the batch, of DIP-VAE-I; of DIP-VAE-II, of draws of q(z), which
 * is that and the mean variance of q(z|x).
 */
export function covariancePenalties(
  { vae, posterior, weight }: Pick<CodedBatch, "posterior" | "weight"> & { readonly vae: { readonly latent: number } },
  { variant }: Pick<DipVaeConfig, "variant">,
): FurtherTerms<Tensor> {
  const { latent } = vae;
  const { mean, variance } = posterior.base;
  const share = reshape(div(weight, sum(weight)), ["batch", 1]);
  const average = (x: Tensor) => sum(mul(share, x), [0]);
  const centred = sub(mean, average(mean));
  const covariance = matmul(mul(share, centred), centred, { transposeA: true }); // (latent, latent)
  const within = variant === "ii" ? average(variance) : undefined; // (latent)
  const diagonal = average(square(centred));
  return {
    offDiagonalPenalty: sum(square(mul(covariance, offDiagonal(latent)))),
    diagonalPenalty: sum(square(sub(within ? add(diagonal, within) : diagonal, 1))),
  };
}

/** 1 beside the diagonal, and 0 on it. */
const offDiagonal = (size: number): Tensor =>
  constant(
    Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 0 : 1)),
    [size, size],
  );
