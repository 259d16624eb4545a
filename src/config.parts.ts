/*
 * The parts of a model that come with vaekit, by name, with what there is to say of each. The config's schema is made
 * of this; the code of the parts is typed by these names, so that none can be without the other.
 */

export const activations = {
  relu: "max(x, 0)",
  tanh: "the hyperbolic tangent",
  elu: "x, and eˣ − 1 below 0 (Clevert et al. 2016)",
  silu: "x·σ(x) (Elfwing et al. 2018)",
  softplus: "log(1 + eˣ)",
} as const;
export type Activation = keyof typeof activations;

export const initializations = {
  lecun: "√(1/in) (LeCun et al. 1998)",
  he: "√(2/in) (He et al. 2015)",
  glorot: "√(2/(in + out)) (Glorot & Bengio 2010)",
} as const;
export type Initialization = keyof typeof initializations;

/** `keys`: those of the config that not all networks have. */
export const networks = {
  mlp: { summary: "dense layers, for examples of any shape", keys: ["gated"] },
  conv: { summary: "convolutions, then dense layers (a decoder: the reverse), for images", keys: ["layers", "gated"] },
  conv1d: { summary: "the same along one axis, for series", keys: ["layers", "gated"] },
  residual: {
    summary: "residual blocks of convolutions at several sizes, then dense layers (a decoder: the reverse), for images",
    keys: ["channels", "blocks", "bottleneck", "normalization", "sampling"],
  },
} as const satisfies Record<string, { readonly summary: string; readonly keys: readonly string[] }>;
export type NetworkKind = keyof typeof networks;

export const normalizations = {
  group: "each group of an example's channels gets mean 0 and variance 1 (Wu & He 2018)",
  layer: "an example's whole map does (Ba et al. 2016)",
  weight: "weights have a length of their own (Salimans & Kingma 2016)",
  none: "nothing",
} as const;
export type Normalization = keyof typeof normalizations;

export const samplings = {
  strided: "a 4×4 convolution with stride 2; in a decoder a transposed one",
  pooled: "means of 2×2 pixels; in a decoder each pixel repeated (nearest)",
} as const;
export type Sampling = keyof typeof samplings;

export const likelihoods = {
  bernoulli: "Independent Bernoulli pixels: values in [0, 1].",
  normal: "Independent normal values.",
} as const;
export type BuiltInLikelihood = keyof typeof likelihoods;

/** The names of a table's entries. */
export function namesOf<Name extends string>(parts: Readonly<Record<Name, unknown>>): readonly Name[] {
  return Object.keys(parts) as Name[];
}

/** "relu: max(x, 0); tanh: the hyperbolic tangent" */
export function listOf(parts: Readonly<Record<string, string | { readonly summary: string }>>): string {
  return Object.entries(parts)
    .map(([name, said]) => `${name}: ${typeof said === "string" ? said : said.summary}`)
    .join("; ");
}
