import { normal } from "../../distributions/normal.ts";
import { add, div, maximum, mul, sub } from "../../graph/ops/arithmetic.ts";
import { cumulativeSum } from "../../graph/ops/axis.ts";
import { equal, greater, where } from "../../graph/ops/comparison.ts";
import { log } from "../../graph/ops/functions.ts";
import { logsumexp } from "../../graph/ops/reduce.ts";
import { expand, reshape, sum } from "../../graph/ops/structure.ts";
import { constant, input, type Tensor } from "../../graph/tensor.ts";
import { weightedMean } from "../objective.ts";
import { examplesName, type FurtherTerms } from "../objective-table.ts";
import type { CodedBatch } from "./coded-batch.ts";

/** Stands for the logarithm of 0: its exponential is 0. */
const nothing = -1e30;
/** Less than any weight. */
const tiny = 1e-30;

/**
 * The rate in three terms (Chen et al. 2018, eq. 2), estimated by one draw z of each example:
 *
 *   mutual information   KL(q(z, n) ‖ q(z)·p(n)) = E[log q(z|x) − log q(z)]
 *   total correlation    KL(q(z) ‖ Π q(z_j))     = E[log q(z) − Σ log q(z_j)]
 *   dimension-wise KL    Σ KL(q(z_j) ‖ p(z_j))   = E[Σ log q(z_j) − log p(z)]
 *
 * with the aggregate posterior q(z) = 1/N Σ q(z|x_n) of N examples, estimated by those of the batch: see
 * `logStratifiedWeights`. Their sum is the estimate of the rate by the draw, E[log q(z|x) − log p(z)].
 *
 * A logarithm of an estimate is too small on average, that of q(z) by far more than those of q(z_j): in batches much
 * smaller than N the mutual information is too large, and the total correlation too small, often below 0.
 */
export function rateDecomposition({ vae, posterior, z, weight }: CodedBatch): FurtherTerms<Tensor> {
  const { latent } = vae;
  const { mean, logvar } = posterior.base;
  const each = (x: Tensor) => reshape(x, [1, "batch", latent]);
  const byLatent = normal(each(mean), each(logvar)).logProb(reshape(z, ["batch", 1, latent])); // log q(z_ij|x_l)   (i, l, j)
  const weights = logStratifiedWeights(weight, input(examplesName, [])); // (i, l, 1)
  const own = sum(posterior.base.logProb(z), [-1]); // log q(z|x)   (batch)
  const aggregate = sum(logsumexp(add(sum(byLatent, [-1], true), weights), [1]), [-1]); // log q(z)
  const product = sum(logsumexp(add(byLatent, weights), [1]), [-1]); // Σ log q(z_j)
  return {
    mutualInformationNats: weightedMean(sub(own, aggregate), weight),
    totalCorrelationNats: weightedMean(sub(aggregate, product), weight),
    dimensionwiseKlNats: weightedMean(sub(product, vae.prior().logProb(z)), weight),
  };
}

/**
 * Logarithms of the weights that posteriors of a batch have in q(z) at the draw of one of its examples, by stratified
 * sampling (Chen et al. 2018, appendix C.2): (batch, batch, 1), a row for each draw.
 *
 * Its own, which z was drawn from, has the 1/N that it has in q(z). The M others of the batch stand for the N − 1 others
 * there are. The paper gives one of them (N − M)/(N·M) and the rest 1/M; which one is arbitrary, and the mean over the
 * choice, (N − 1)/(N·M) for each, has the same expectation and less variance, and does not depend on the order of rows.
 * With M = N − 1 it is q(z) itself. A row of weight 0 is no other, and where there is no other at all the example is all
 * there is.
 * @param weight (batch)
 * @param examples N, a scalar
 */
export function logStratifiedWeights(weight: Tensor, examples: Tensor): Tensor {
  const rows = reshape(cumulativeSum(expand(constant(1), weight), 0), ["batch", 1, 1]); // 1, 2, 3, …
  const isOwn = equal(rows, reshape(rows, [1, "batch", 1]));
  const others = reshape(sub(sum(weight), weight), ["batch", 1, 1]);
  const share = div(1, examples);
  const rest = sub(1, share);
  const ofOther = div(mul(rest, reshape(weight, [1, "batch", 1])), maximum(others, tiny));
  const ofOwn = add(share, where(greater(others, tiny), 0, rest));
  const weights = where(isOwn, ofOwn, ofOther);
  return where(greater(weights, tiny), log(maximum(weights, tiny)), nothing);
}
