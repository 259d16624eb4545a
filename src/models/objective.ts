import { type Distribution, eventLogProb } from "../distributions/distribution.ts";
import { kl } from "../distributions/kl.ts";
import { abs, add, div, mul, neg, sub } from "../graph/ops/arithmetic.ts";
import { sum, sumEvent } from "../graph/ops/structure.ts";
import { sameShape } from "../graph/shape.ts";
import { shapeError, type Tensor } from "../graph/tensor.ts";
import type { Vae } from "./vae.ts";

/** Named terms of an objective, in nats and per example: (batch). */
export interface Terms {
  readonly negElboNats: Tensor;
  readonly distortionNats: Tensor;
  readonly rateNats: Tensor;
}

/**
 * Negative ELBO of Kingma & Welling (2014), eq. 7, in nats.
 * @param x (batch, ...event)
 * @param noise (batch, latent), standard normal
 * @param mask (batch, ...event): 1 where x is observed and 0 where it is missing, and x then any finite
 *   number; default all observed
 */
export function negElbo(
  vae: Vae,
  x: Tensor,
  noise: Tensor,
  mask?: Tensor,
): Terms & { readonly posterior: Distribution } {
  const posterior = vae.encode(x); // q(z|x)   (batch, latent)
  const z = posterior.sample(noise); // μ + σ·ε
  const likelihood = vae.decode(z); // p(x|z)   (batch, ...event)
  const distortionNats = neg(eventLogProb(likelihood, x, vae.event.length, mask)); // (batch)
  const rateNats = sumEvent(kl(posterior, vae.prior(z), z), 1); // (batch)
  return { negElboNats: add(distortionNats, rateNats), distortionNats, rateNats, posterior };
}

/**
 * distortion + β·rate (β-VAE, Higgins et al. 2017, eq. 4), of each example or of their means; β is a scalar input, so
 * that it may change between steps.
 */
export function betaObjective(
  { distortionNats, rateNats }: Pick<Terms, "distortionNats" | "rateNats">,
  beta: Tensor,
): Tensor {
  return add(distortionNats, mul(beta, rateNats));
}

/**
 * distortion + γ·|rate − C| (Burgess et al. 2018, eq. 8): holds the rate to a capacity C from both sides. γ and C, in
 * nats, are scalar inputs, so that C may rise with the step.
 * @param means of the batch: the rate of an example may lie far from C where their mean is at it
 * @throws ShapeError for numbers of each example
 */
export function capacityObjective(
  { distortionNats, rateNats }: Pick<Terms, "distortionNats" | "rateNats">,
  gamma: Tensor,
  capacityNats: Tensor,
): Tensor {
  if (rateNats.shape.length > 0)
    throw shapeError("capacityObjective", "expected the mean rate of the batch, a scalar", [rateNats]);
  return add(distortionNats, mul(gamma, abs(sub(rateNats, capacityNats))));
}

/**
 * The one reduction over the batch (DESIGN.md, D5): the mean weighted by example. Examples of weight 0, such as those
 * that pad a last partial batch, count for nothing.
 * @param perExample (batch)
 * @param weight (batch), not all 0
 * @throws ShapeError unless the two shapes are equal: broadcasting would count examples several times
 */
export function weightedMean(perExample: Tensor, weight: Tensor): Tensor {
  if (!sameShape(perExample.shape, weight.shape))
    throw shapeError("weightedMean", "expected two tensors of one shape, a number and a weight for each example", [
      perExample,
      weight,
    ]);
  return sum(mul(perExample, div(weight, sum(weight)))); // the shares are one node, however many means there are
}

/**
 * Log importance weights log p(x|z) + log p(z) − log q(z|x) of k samples for each example, in nats: (k, batch).
 * Their log-mean-exp bounds log p(x) from below (Burda et al. 2016, eq. 8).
 * @param posterior q(z|x) of shape (batch, latent)
 * @param x (batch, ...event); it meets its k reconstructions by broadcasting and is never copied
 * @param noise (k, batch, latent)
 */
export function logWeights(vae: Vae, posterior: Distribution, x: Tensor, noise: Tensor): Tensor {
  const z = posterior.sample(noise); // (k, batch, latent)
  const logLikelihood = eventLogProb(vae.decode(z), x, vae.event.length); // (k, batch)
  const logPrior = eventLogProb(vae.prior(z), z, 1);
  const logPosterior = eventLogProb(posterior, z, 1);
  return sub(add(logLikelihood, logPrior), logPosterior);
}
