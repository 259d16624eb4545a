/**
 * What −log p(x) is taken of: a probability of discrete data, or a density. A Bernoulli likelihood of values between 0
 * and 1 that are not binarized is neither: its score is a cross-entropy, no likelihood. Unlike ones are never compared.
 */
export type Measure = "probability" | "density" | "cross-entropy";

/** A measured figure with what is needed to compare it: figures of unlike unit or binarization are never compared. */
export interface Figure {
  readonly mean: number;
  /** Standard error of the mean over the examples; null of one example, which says nothing about it. */
  readonly standardError: number | null;
  readonly unit: "nats" | "bits/dim" | "samples";
  readonly measure: Measure;
  readonly examples: number;
  /** Draws of the latents for each example: k of a bound of several, else how many the figure is the mean over. */
  readonly samples: number;
  readonly binarization: "none" | "static" | "dynamic";
}

/** Mean and its standard error, s/√n. */
export function meanAndError(values: ArrayLike<number>): Pick<Figure, "mean" | "standardError"> {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i]! - mean) ** 2;
  return { mean, standardError: n > 1 ? Math.sqrt(squares / (n - 1) / n) : null };
}

/**
 * A latent dimension is called active when its rate, the mean over examples of KL(q(z_j|x) ‖ p(z_j)), exceeds so many
 * nats; below, q(z_j|x) all but equals the prior. This is a criterion on the KL. The active units of Burda et al. (2016)
 * are counted by another one, the variance of the posterior means: Var_x E_q[z_j] > 0.01.
 */
export const activeNats = 0.01;

/** How many latent dimensions are active, given the rate of each in nats. */
export function countActive(rateByLatentNats: ArrayLike<number>): number {
  return Array.from(rateByLatentNats).filter((nats) => nats > activeNats).length;
}
