import type { ObjectiveKind } from "./config.objective.ts";
import type {
  Activation,
  BuiltInLikelihood,
  ConditionKind,
  Covariance,
  FlowKind,
  Initialization,
  NetworkKind,
  Normalization,
  PriorKind,
  Sampling,
} from "./config.parts.ts";

/* What there is to say of each part that comes with vaekit. */

export const activations: Readonly<Record<Activation, string>> = {
  relu: "max(x, 0)",
  tanh: "the hyperbolic tangent",
  elu: "x, and eˣ − 1 below 0 (Clevert et al. 2016)",
  silu: "x·σ(x) (Elfwing et al. 2018)",
  softplus: "log(1 + eˣ)",
};

export const initializations: Readonly<Record<Initialization, string>> = {
  lecun: "√(1/in) (LeCun et al. 1998)",
  he: "√(2/in) (He et al. 2015)",
  glorot: "√(2/(in + out)) (Glorot & Bengio 2010)",
};

export const networks: Readonly<Record<NetworkKind, string>> = {
  mlp: "dense layers, for examples of any shape",
  conv: "convolutions, then dense layers (a decoder: the reverse), for images",
  conv1d: "the same along one axis, for series",
  residual: "residual blocks of convolutions at several sizes, then dense layers (a decoder: the reverse), for images",
};

export const normalizations: Readonly<Record<Normalization, string>> = {
  group: "each group of an example's channels gets mean 0 and variance 1 (Wu & He 2018)",
  layer: "an example's whole map does (Ba et al. 2016)",
  weight: "weights have a length of their own (Salimans & Kingma 2016)",
  none: "nothing",
};

export const samplings: Readonly<Record<Sampling, string>> = {
  strided: "a 4×4 convolution with stride 2; in a decoder a transposed one",
  pooled: "means of 2×2 pixels; in a decoder each pixel repeated (nearest)",
};

export const likelihoods: Readonly<Record<BuiltInLikelihood, string>> = {
  bernoulli: "Independent Bernoulli pixels: values in [0, 1].",
  normal: "Independent normal values.",
  "continuous-bernoulli": "Independent values in [0, 1] (Loaiza-Ganem & Cunningham 2019).",
  laplace: "Independent Laplace values.",
  "student-t": "Independent Student-t values: heavy tails.",
  "discretized-logistic": "Independent levels of a logistic distribution, such as 8-bit pixels (Kingma et al. 2016).",
  "discretized-logistic-mixture":
    "Levels of a mixture of logistics for each pixel, its channels conditioned on each other (Salimans et al. 2017).",
  "beta-binomial": "Independent counts 0…n, such as 8-bit pixels.",
  categorical: "Independent classes.",
  poisson: "Independent counts of variance μ.",
  "negative-binomial": "Independent counts of variance μ + φ·μ².",
};

export const covariances: Readonly<Record<Covariance, string>> = {
  diagonal: "independent latents",
  full: "all latents correlated, by the Cholesky factor of the covariance",
  "rank-one": "a precision D + uuᵀ (Rezende et al. 2014, section 4.3)",
};

/** Of posteriors. */
export const flows: Readonly<Record<FlowKind, string>> = {
  planar: "z + u·tanh(wᵀz + b) (Rezende & Mohamed 2015)",
  realnvp: "affine coupling layers (Dinh et al. 2017)",
  iaf: "inverse autoregressive flow (Kingma et al. 2016)",
};

export const priors: Readonly<Record<PriorKind, string>> = {
  "standard-normal": "N(0, I)",
  mixture: "a learned mixture of normals",
  vampprior: "the mixture of the posteriors of learned pseudo-inputs (Tomczak & Welling 2018)",
  realnvp: "a normal through affine coupling layers (Dinh et al. 2017)",
  maf: "a normal through a masked autoregressive flow (Papamakarios et al. 2017): sampling takes a pass for each latent",
};

export const conditionKinds: Readonly<Record<ConditionKind, string>> = {
  class: "one of the k classes of the training data, as zeros and a √k",
  number: "a number, less the mean of the training data and divided by their standard deviation",
};

export const objectives: Readonly<Record<ObjectiveKind, string>> = {
  elbo: "distortion + beta * rate (Kingma & Welling 2014; Higgins et al. 2017)",
  capacity:
    "distortion + gamma * |rate - C|, where the rate is the batch's mean and C rises with the step (Burgess et al. 2018)",
  iwae: "the importance-weighted bound of several draws (Burda et al. 2016)",
  miwae: "the mean of several importance-weighted bounds (Rainforth et al. 2018)",
  ciwae: "share of the ELBO and the rest of the importance-weighted bound of the same draws (Rainforth et al. 2018)",
  "beta-tcvae":
    "the ELBO with a weight for each term of the rate: alpha * mutual information + beta * total correlation + gamma * dimension-wise KL (Chen et al. 2018)",
  "dip-vae":
    "the ELBO and how far the covariance of the codes is from the identity, lambdaOd beside its diagonal and lambdaD on it (Kumar et al. 2018)",
  "info-vae":
    "distortion + (1 - alpha) * rate + (alpha + lambda - 1) * MMD^2, the discrepancy between codes and prior (Zhao et al. 2019)",
  "wae-mmd": "distortion + lambda * MMD^2: a Wasserstein autoencoder (Tolstikhin et al. 2018)",
  factor:
    "distortion + rate + gamma * total correlation, by a discriminator that is trained in turn: FactorVAE (Kim & Mnih 2018)",
};

/** "relu: max(x, 0); tanh: the hyperbolic tangent" */
export function listOf(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([name, said]) => `${name}: ${said}`)
    .join("; ");
}
