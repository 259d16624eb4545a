import { add, mul, square, sub } from "../graph/ops/arithmetic.ts";
import { sum } from "../graph/ops/structure.ts";
import type { Tensor } from "../graph/tensor.ts";
import { kl } from "./kl.ts";
import { type Normal, standardNormal } from "./normal.ts";

/* What a model asks of q(z|x) and of p(z). A latent vector is one event: densities are of all its d elements, in nats. */

/** Draws of latent vectors with their densities, both differentiable: z (..., d) and log q(z|x) (...). */
export interface Draws {
  readonly z: Tensor;
  readonly logProb: Tensor;
}

/** q(z|x) of a batch of rows. */
export interface Posterior {
  /** Mean and log-variance of each latent by itself, (rows, d); for a flow those of what goes into it. */
  readonly base: Normal;
  /** How many standard normal numbers a draw takes for each row. */
  readonly noiseWidth: number;
  /** @param noise (rows, noiseWidth), or (k, rows, noiseWidth) for k draws of each row */
  draw(noise: Tensor): Draws;
  /** Where a flow takes the mean of `base`, which is the draw without noise: (rows, d). Absent where there is no flow. */
  flowed?(): Tensor;
  /** log q(z|x) of any z (rows, d) or (k, rows, d); absent where a flow has no exact inverse. */
  logProb?(z: Tensor): Tensor;
  /** KL(q ‖ N(0, I)) of each row: (rows). Where it is absent, log q(z|x) − log p(z) of a draw estimates it. */
  klStandard?(): Tensor;
  /** The same by latent, (rows, d); where the latents are independent. */
  klStandardByLatent?(): Tensor;
}

/** What `Prior.sample` takes: standard normal numbers (rows, noise.normal) and uniform ones (rows, noise.uniform). */
export interface PriorNoise {
  readonly normal: Tensor;
  /** In [0, 1). Not needed where `noise.uniform` is 0. */
  readonly uniform?: Tensor;
}

/** p(z). */
export interface Prior {
  /** "standard" is N(0, I), for which a posterior may have its KL in closed form; as for "normal", which has a `base`. */
  readonly kind: "standard" | "normal" | "mixture" | "flow";
  readonly base?: Normal;
  /** log p(z): (..., d) → (...). */
  logProb(z: Tensor): Tensor;
  /** How many numbers of each kind a sample takes for each row. */
  readonly noise: { readonly normal: number; readonly uniform: number };
  /** Samples (rows, d). */
  sample(noise: PriorNoise): Tensor;
}

const logTwoPi = Math.log(2 * Math.PI);

/** How many latents there are: the size of the last axis. */
export const latentsOf = (x: Tensor): number => x.shape.at(-1) as number;

/** log N(ε; 0, I) = −½·(εᵀε + d·log 2π): (..., d) → (...). */
export function standardLogProb(noise: Tensor): Tensor {
  return mul(add(sum(square(noise), [-1]), latentsOf(noise) * logTwoPi), -0.5);
}

/** N(0, I) of so many latents. */
export function standardPrior(latent: number): Prior {
  return {
    kind: "standard",
    logProb: standardLogProb,
    noise: { normal: latent, uniform: 0 },
    sample: ({ normal }) => normal,
  };
}

/** KL(q ‖ p) of each row, (rows), where it has a closed form. */
export function closedKl(posterior: Posterior, prior: Prior): Tensor | undefined {
  if (prior.kind === "standard") return posterior.klStandard?.();
  const byLatent = closedKlByLatent(posterior, prior);
  return byLatent && sum(byLatent, [-1]);
}

/** The same by latent, (rows, d), where the latents are independent in both. */
export function closedKlByLatent(posterior: Posterior, prior: Prior): Tensor | undefined {
  if (prior.kind === "standard") return posterior.klStandardByLatent?.();
  return prior.base && posterior.klStandardByLatent ? kl(posterior.base, prior.base) : undefined;
}

/** Independent latents (Kingma & Welling 2014, eq. 9). base: (rows, d), its log-variance in the shape of its mean. */
export function diagonalPosterior(base: Normal): Posterior {
  const klStandardByLatent = () => kl(base, standardNormal(base.mean));
  return {
    base,
    noiseWidth: latentsOf(base.mean),
    // With z = μ + σ·ε, log q(z|x) = log N(ε; 0, I) − Σ log σ.
    draw: (noise) => ({
      z: base.sample(noise),
      logProb: sub(standardLogProb(noise), mul(sum(base.logvar, [-1]), 0.5)),
    }),
    logProb: (z) => sum(base.logProb(z), [-1]),
    klStandard: () => sum(klStandardByLatent(), [-1]),
    klStandardByLatent,
  };
}
