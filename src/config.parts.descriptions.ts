import type {
  Activation,
  BuiltInLikelihood,
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

/** "relu: max(x, 0); tanh: the hyperbolic tangent" */
export function listOf(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([name, said]) => `${name}: ${said}`)
    .join("; ");
}
