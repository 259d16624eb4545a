import type { Config } from "../config.ts";
import type { Distribution } from "../distributions/distribution.ts";
import { type Normal, normal, standardNormal } from "../distributions/normal.ts";
import { splitEvenly } from "../graph/ops/join.ts";
import { reshape } from "../graph/ops/structure.ts";
import { isSymbolic, times } from "../graph/shape.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { dense } from "../nn/dense.ts";
import { type ParameterSpec, parameterTree } from "../nn/parameters.ts";
import { findLikelihood } from "./likelihood.ts";
import { decoderNetwork, encoderNetwork } from "./networks.ts";
import type { DataStatistics, LikelihoodPart } from "./registry.ts";

/** A variational autoencoder: pure functions from symbolic tensors to distributions, and the parameters they use. */
export interface Vae {
  readonly event: readonly number[];
  readonly latent: number;
  readonly parameters: readonly ParameterSpec[];
  readonly likelihood: LikelihoodPart;
  /** q(z|x): (rows, ...event) → a Normal of shape (rows, latent). */
  encode(x: Tensor): Normal;
  /** p(z) in the shape of z, (..., latent). */
  prior(z: Tensor): Distribution;
  /** p(x|z): (..., latent) → a distribution of shape (..., ...event). Leading axes fold into the batch and unfold again. */
  decode(z: Tensor): Distribution;
}

/**
 * Builds the model that a config describes (Kingma & Welling 2014; Rezende et al. 2014).
 * @param event shape of one example
 * @param statistics of the training data, for the decoder's start; absent when a saved model is loaded
 * @throws UsageError naming the key of the config that does not fit the event
 */
export function buildVae(config: Config["model"], event: readonly number[], statistics?: DataStatistics): Vae {
  const { root, specs } = parameterTree();
  const encoder = encoderNetwork(root.at("encoder"), event, config.encoder);
  const posterior = dense(root.at("encoder.posterior"), encoder.features, 2 * config.latent, {
    initialization: "glorot",
  });

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
    parameters: specs,
    likelihood,
    encode(x) {
      const [mean, logvar] = splitEvenly(posterior(encoder.apply(x)), 1, 2) as [Tensor, Tensor];
      return normal(labelled(mean, "mean of q(z|x)"), labelled(logvar, "log-variance of q(z|x)"));
    },
    prior: (z) => standardNormal(z),
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
