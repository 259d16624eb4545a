import type { Config } from "../config.ts";
import type { Distribution } from "../distributions/distribution.ts";
import type { Posterior, Prior } from "../distributions/latent.ts";
import type { Normal } from "../distributions/normal.ts";
import { reshape } from "../graph/ops/structure.ts";
import { isSymbolic, times } from "../graph/shape.ts";
import { input, type Tensor } from "../graph/tensor.ts";
import { type ParameterSpec, parameterTree } from "../nn/parameters.ts";
import { buildLatents, type Latents } from "./latents.ts";
import { findLikelihood } from "./likelihood.ts";
import { decoderNetwork, encoderNetwork } from "./networks.ts";
import type { DataStatistics, LikelihoodPart } from "./registry.ts";

/** A variational autoencoder: pure functions from symbolic tensors to distributions, and the parameters they use. */
export interface Vae extends Latents {
  readonly event: readonly number[];
  readonly latent: number;
  /** Standard normal numbers that a draw of z takes for each row. */
  readonly noiseWidth: number;
  readonly parameters: readonly ParameterSpec[];
  readonly likelihood: LikelihoodPart;
  /** q(z|x) of x (rows, ...event). */
  posterior(x: Tensor): Posterior;
  /** Mean and log-variance of each latent, (rows, latent); with a flow, of what goes into it. */
  encode(x: Tensor): Normal;
  /** p(z). */
  prior(): Prior;
  /** p(x|z): (..., latent) → a distribution of shape (..., ...event). Leading axes fold into the batch and unfold again. */
  decode(z: Tensor): Distribution;
}

/**
 * Builds the model that a config describes (Kingma & Welling 2014; Rezende et al. 2014).
 * @param event shape of one example
 * @param statistics of the training data, where decoder and prior start; absent when a saved model is loaded
 * @throws UsageError naming the key of the config that does not fit the event
 */
export function buildVae(config: Config["model"], event: readonly number[], statistics?: DataStatistics): Vae {
  const { root, specs } = parameterTree();
  const encoder = encoderNetwork(root.at("encoder"), event, config.encoder);
  const latents = buildLatents(config, {
    ...{ root, event, latent: config.latent },
    ...{ encode: encoder.apply, features: encoder.features, examples: statistics?.examples },
  });
  const posterior = (x: Tensor) => latents.posteriorOf(latents.posteriorHead(x));

  const decoder = decoderNetwork(root.at("decoder"), config.latent, event, config.decoder);
  const likelihood = findLikelihood(config.likelihood.kind);
  const likelihoodOf = likelihood.build(
    {
      scope: root.at("decoder"),
      features: decoder.features,
      head: decoder.head,
      event,
      statistics,
    },
    config.likelihood as Readonly<Record<string, unknown>>,
  );

  return {
    event,
    latent: config.latent,
    noiseWidth: posterior(input("x", ["batch", ...event])).noiseWidth,
    parameters: specs,
    likelihood,
    ...latents,
    posterior,
    encode: (x) => posterior(x).base,
    prior: () => latents.priorOf(latents.priorHead()),
    decode(z) {
      const lead = z.shape.slice(0, -1);
      const rows = lead.reduce(
        (product, dim) => (isSymbolic(dim) ? times(dim, product as number) : times(product, dim)),
        1,
      );
      return likelihoodOf(decoder.apply(reshape(z, [rows, config.latent])), [...lead, ...event]);
    },
  };
}
