/*
 * The parts of a model that come with vaekit, by name. The config's schema is made of this, the code of the parts is
 * typed by these names, and so is what there is to say of each (config.parts.descriptions.ts): none can be without the
 * others.
 */

export const activations = ["relu", "tanh", "elu", "silu", "softplus"] as const;
export type Activation = (typeof activations)[number];

export const initializations = ["lecun", "he", "glorot"] as const;
export type Initialization = (typeof initializations)[number];

/** Of each network, those keys of the config that not all networks have. */
export const networkKeys = {
  mlp: ["gated"],
  conv: ["layers", "gated"],
  conv1d: ["layers", "gated"],
  residual: ["channels", "blocks", "bottleneck", "normalization", "sampling"],
} as const satisfies Record<string, readonly string[]>;
export type NetworkKind = keyof typeof networkKeys;
export const networks = Object.keys(networkKeys) as readonly NetworkKind[];

export const normalizations = ["group", "layer", "weight", "none"] as const;
export type Normalization = (typeof normalizations)[number];

export const samplings = ["strided", "pooled"] as const;
export type Sampling = (typeof samplings)[number];

export const likelihoods = [
  "bernoulli",
  "normal",
  "continuous-bernoulli",
  "laplace",
  "student-t",
  "discretized-logistic",
  "discretized-logistic-mixture",
  "beta-binomial",
  "categorical",
  "poisson",
  "negative-binomial",
] as const;
export type BuiltInLikelihood = (typeof likelihoods)[number];
/** Those of which a log-probability is a density's. */
export const densities: readonly string[] = ["normal", "continuous-bernoulli", "laplace", "student-t"];

export const covariances = ["diagonal", "full", "rank-one"] as const;
export type Covariance = (typeof covariances)[number];

/** Of posteriors. */
export const flows = ["planar", "realnvp", "iaf"] as const;
export type FlowKind = (typeof flows)[number];

export const priors = ["standard-normal", "mixture", "vampprior", "realnvp", "maf"] as const;
export type PriorKind = (typeof priors)[number];

/** How a condition is given to a model. */
export const conditionKinds = ["class", "number"] as const;
export type ConditionKind = (typeof conditionKinds)[number];
