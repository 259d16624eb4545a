import type { ObjectiveOf } from "../../config.objective.ts";
import { UsageError } from "../../errors.ts";
import { add, div, mul, neg, square, sub } from "../../graph/ops/arithmetic.ts";
import { softmax } from "../../graph/ops/axis.ts";
import { logsumexp, mean } from "../../graph/ops/reduce.ts";
import { scaleGradient } from "../../graph/ops/stochastic.ts";
import { reshape, stopGradient } from "../../graph/ops/structure.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type DrawnTerms, drawnTerms, type ExampleTerms, termsOfDraws } from "../objective.ts";
import type { Vae } from "../vae.ts";

/* Bounds of several draws: IWAE (Burda et al. 2016), MIWAE and CIWAE (Rainforth et al. 2018). */

type ImportanceConfig = ObjectiveOf<"iwae" | "miwae" | "ciwae">;

/**
 * Terms of each example: means over its draws, and −log of their mean weight. "miwae" has several means of `samples` draws
 * each, and the mean of their logarithms (Rainforth et al. 2018).
 * @param noise (draws·batch, noiseWidth), all rows of the first draw first
 */
export function importanceTerms(vae: Vae, objective: ImportanceConfig, x: Tensor, noise: Tensor): ExampleTerms {
  const { samples, gradient } = objective;
  const bounds = objective.kind === "miwae" ? objective.bounds : 1;
  const draws = reshape(noise, [bounds * samples, "batch", vae.noiseWidth]);
  const drawn =
    gradient === "dreg"
      ? doublyReparameterized(vae, x, draws, (logWeights) => gradientFactor(objective, logWeights))
      : drawnTerms(vae, vae.posterior(x), vae.prior(), x, draws);
  const [distortionNats, rateNats] = [mean(drawn.distortionNats, [0]), mean(drawn.rateNats, [0])];
  const each = logMeanExp(reshape(drawn.logWeights, [bounds, samples, "batch"]), 1); // (bounds, batch)
  return { negElboNats: add(distortionNats, rateNats), distortionNats, rateNats, negIwaeNats: neg(mean(each, [0])) };
}

/**
 * By how much the gradient that reaches each draw is multiplied to be the doubly reparameterized one. Of a mean of k draws
 * the weights' shares w̃, so that Σ w̃² stands where Σ w̃ stood. The gradient of CIWAE is the sum of those of the ELBO and
 * of the bound, s/k + (1 − s)·w̃ for each draw. Doubly reparameterized, s/k stays, for the ELBO of a draw is a bound of one
 * (k = 1, w̃ = 1), and the other becomes (1 − s)·w̃².
 */
function gradientFactor(objective: ImportanceConfig, logWeights: Tensor): Tensor {
  const { samples } = objective;
  if (objective.kind === "miwae") {
    const shares = softmax(reshape(logWeights, [objective.bounds, samples, "batch"]), 1);
    return reshape(shares, logWeights.shape);
  }
  const shares = softmax(logWeights, 0);
  if (objective.kind === "iwae" || objective.share === 0) return shares;
  const [elbo, rest] = [objective.share / samples, 1 - objective.share];
  return div(add(elbo, mul(rest, square(shares))), add(elbo, mul(rest, shares)));
}

/**
 * As drawnTerms, with the doubly reparameterized gradient of the encoder (Tucker et al. 2019, eq. 8): log q is
 * differentiated by z alone, and what reaches each draw is multiplied by a factor. The decoder's gradient is the usual one.
 * @param factor of the log importance weights (k, batch), in their shape. Default: their shares of the sum over k
 * @throws UsageError for a posterior with a flow: its weights are in log q(z|x) beside the head, and are not held
 */
export function doublyReparameterized(
  vae: Vae,
  x: Tensor,
  noise: Tensor,
  factor: (logWeights: Tensor) => Tensor = (logWeights) => softmax(logWeights, 0),
): DrawnTerms {
  const head = vae.posteriorHead(x);
  const { z, logProb } = vae.posteriorOf(head).draw(noise);
  const held = vae.posteriorOf(
    Object.fromEntries(
      Object.entries(head).map(([name, value]) => [name, stopGradient(value)]),
    ) as unknown as typeof head,
  );
  if (held.flowed || !held.logProb)
    throw new UsageError(
      'objective.gradient: "dreg" is for posteriors without a flow, and this one has one; take "reparameterized"',
    );
  const prior = vae.prior();
  const { logWeights } = termsOfDraws(vae, prior, x, z, logProb); // lowered once, with the terms below
  const scaled = scaleGradient(z, reshape(factor(logWeights), [...logWeights.shape, 1]));
  return termsOfDraws(vae, prior, x, scaled, held.logProb(scaled));
}

/** Log of the mean of the weights along an axis, which goes. */
export function logMeanExp(logWeights: Tensor, axis = 0): Tensor {
  return sub(logsumexp(logWeights, [axis]), Math.log(logWeights.shape[axis] as number));
}
