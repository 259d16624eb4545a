import type { ElboConfig } from "../../config.objective.ts";
import { closedKlByLatent } from "../../distributions/latent.ts";
import { UsageError } from "../../errors.ts";
import { div, maximum, mul } from "../../graph/ops/arithmetic.ts";
import { reshape, sum } from "../../graph/ops/structure.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { weightedMean } from "../objective.ts";
import type { FurtherTerms } from "../objective-table.ts";
import type { CodedBatch } from "./coded-batch.ts";

/**
 * Σ max(λ, rate) over groups of latents, each group's rate being its mean in the batch (Kingma et al. 2016, eq. 15): below
 * λ nats it costs nothing more to say something, so that no group is given up early.
 */
export function freeRate(
  { vae, posterior, rateNats, weight }: CodedBatch,
  { freeBits, freeBitsGroup }: ElboConfig,
): FurtherTerms<Tensor> {
  const { latent } = vae;
  if (freeBitsGroup === latent) return { freeRateNats: maximum(weightedMean(rateNats, weight), freeBits) };
  const perLatent = closedKlByLatent(posterior, vae.prior()); // (batch, latent)
  if (!perLatent)
    throw new UsageError(
      "objective.freeBits: the posterior has no rate for each latent by itself; take one group of all latents",
    );
  const means = sum(mul(perLatent, reshape(div(weight, sum(weight)), ["batch", 1])), [0]);
  const groups = sum(reshape(means, [latent / freeBitsGroup, freeBitsGroup]), [1]);
  return { freeRateNats: sum(maximum(groups, freeBits)) };
}
