import type { LatentsConfig } from "../config.latents.ts";
import { diagonalPosterior, type Posterior, type Prior, standardPrior } from "../distributions/latent.ts";
import { normal } from "../distributions/normal.ts";
import { UsageError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type PosteriorHead, posteriorHead } from "../nn/latent.ts";
import type { Scope } from "../nn/parameters.ts";

/* q(z|x) and p(z) of a config. Those that are not the usual ones are loaded when a config names them. */

/** Tensors by name. */
export type Named = Readonly<Record<string, Tensor>>;

/** What the posterior and the prior are made of. */
export interface LatentsContext {
  readonly root: Scope;
  readonly event: readonly number[];
  readonly latent: number;
  /** The encoder: (rows, ...event) → (rows, features), given a condition where it sees one. */
  readonly encode: (x: Tensor, condition?: Tensor) => Tensor;
  readonly features: number;
  /** Numbers of the model's condition; 0 for none. */
  readonly condition: number;
  /** Examples of the training data (count, ...event), for what starts at them; absent when a saved model is loaded. */
  readonly examples?: ((count: number) => Float32Array) | undefined;
}

/** q(z|x) and p(z), each in two parts, so that what all draws have in common is computed once for many of them. */
export interface Latents {
  /** Of x (rows, ...event). */
  posteriorHead(x: Tensor): PosteriorHead;
  posteriorOf(head: PosteriorHead): Posterior;
  /** What the prior computes of parameters alone; empty for most. */
  priorHead(): Named;
  priorOf(head: Named): Prior;
}

/** The same before a condition is given: (rows, condition), undefined for a model without one. */
export interface OpenLatents extends Pick<Latents, "posteriorOf" | "priorOf"> {
  posteriorHead(x: Tensor, condition: Tensor | undefined): PosteriorHead;
  priorHead(condition: Tensor | undefined): Named;
}

/** Declares the parameters of a posterior. */
export type PosteriorPart = (
  config: LatentsConfig["posterior"],
  context: LatentsContext,
) => Pick<OpenLatents, "posteriorHead" | "posteriorOf">;
/** Declares those of a prior; a VampPrior is made of the posterior. */
export type PriorPart = (
  config: Pick<LatentsConfig, "prior" | "condition">,
  context: LatentsContext,
  posterior: ReturnType<PosteriorPart>,
) => Pick<OpenLatents, "priorHead" | "priorOf">;

const usualPosterior: PosteriorPart = (_config, { root, features, latent, encode }) => {
  const head = posteriorHead(root.at("encoder.posterior"), features, latent);
  return {
    posteriorHead: (x, condition) => head(encode(x, condition)),
    posteriorOf: ({ mean, logvar }) => diagonalPosterior(normal(mean, logvar)),
  };
};

const usualPrior: PriorPart = (_config, { latent }) => ({
  priorHead: () => ({}),
  priorOf: () => standardPrior(latent),
});

let loaded: { readonly posterior: PosteriorPart; readonly prior: PriorPart } | undefined;

const usual = {
  posterior: ({ posterior: { covariance, flow } }: LatentsConfig) => covariance === "diagonal" && flow === null,
  prior: ({ prior: { kind }, condition }: LatentsConfig) => kind === "standard-normal" && !condition?.prior,
};

/** Loads the code that a config's posterior and prior need. */
export async function loadLatents(config: LatentsConfig): Promise<void> {
  if (!(usual.posterior(config) && usual.prior(config))) loaded ??= (await import("./loaded-latents.ts")).loadedLatents;
}

/**
 * The posterior and the prior that a config names.
 * @throws UsageError for what is not loaded, or what the posterior or the prior refuses
 */
export function buildLatents(config: LatentsConfig, context: LatentsContext): OpenLatents {
  const part = <Name extends "posterior" | "prior">(name: Name, own: NonNullable<typeof loaded>[Name]) => {
    if (usual[name](config)) return own;
    if (loaded) return loaded[name];
    throw new UsageError(`model.${name}: its code is not loaded; await loadParts(model) before the model is built`);
  };
  const posterior = part("posterior", usualPosterior)(config.posterior, context);
  return { ...posterior, ...part("prior", usualPrior)(config, context, posterior) };
}
