import type { Config } from "../config.ts";
import type { Distribution } from "../distributions/distribution.ts";
import type { Posterior, Prior } from "../distributions/latent.ts";
import type { Normal } from "../distributions/normal.ts";
import { UsageError } from "../errors.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { reshape } from "../graph/ops/structure.ts";
import { isSymbolic, type Shape, staticSize, times } from "../graph/shape.ts";
import { constant, input, type Tensor } from "../graph/tensor.ts";
import { beside } from "../nn/networks.ts";
import { type ParameterSpec, parameterTree } from "../nn/parameters.ts";
import type { Conditions } from "./conditions.ts";
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
  /** What it is conditional on; undefined for nothing. */
  readonly conditions: Conditions | undefined;
  /** Numbers of a condition; 0 for an unconditional model. */
  readonly conditionWidth: number;
  /**
   * The same model, given a condition of each row (batch, conditionWidth): all its distributions are then conditional on it.
   * As it was built, a conditional model is given the input "condition" of its graphs.
   * @throws UsageError for an unconditional model
   */
  given(condition: Tensor): Vae;
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
 * @param conditions those of the training data that the config names, which a saved model holds
 * @throws UsageError naming the key of the config that does not fit the event
 */
export function buildVae(
  config: Config["model"],
  event: readonly number[],
  statistics?: DataStatistics,
  conditions?: Conditions,
): Vae {
  if (config.condition && !conditions)
    throw new UsageError("model.condition: the conditions of the data were not handed over");
  const { latent } = config;
  const width = conditions?.width ?? 0;
  const { root, specs } = parameterTree();
  const encoder = encoderNetwork(root.at("encoder"), event, config.encoder, config.condition?.encoder ? width : 0);
  const latents = buildLatents(config, {
    ...{ root, event, latent, condition: width, features: encoder.features, examples: statistics?.examples },
    encode: (x, condition) => encoder.apply(x, config.condition?.encoder ? condition : undefined),
  });

  const decoder = decoderNetwork(root.at("decoder"), latent + width, event, config.decoder);
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

  const open = width === 0 ? undefined : input("condition", ["batch", width]);
  const { noiseWidth } = latents.posteriorOf(latents.posteriorHead(input("x", ["batch", ...event]), open));
  const given = (condition: Tensor | undefined): Vae => {
    const posteriorHead = (x: Tensor) => latents.posteriorHead(x, condition);
    const posterior = (x: Tensor) => latents.posteriorOf(posteriorHead(x));
    const priorHead = () => latents.priorHead(condition);
    return {
      ...{ event, latent, noiseWidth, parameters: specs, likelihood, conditions, conditionWidth: width },
      ...{ posteriorOf: latents.posteriorOf, priorOf: latents.priorOf, posteriorHead, posterior, priorHead },
      encode: (x) => posterior(x).base,
      prior: () => latents.priorOf(priorHead()),
      decode(z) {
        const lead = z.shape.slice(0, -1);
        const rows = lead.reduce(
          (product, dim) => (isSymbolic(dim) ? times(dim, product as number) : times(product, dim)),
          1,
        );
        const seen = condition && reshape(repeated(condition, lead), [rows, width]);
        return likelihoodOf(decoder.apply(beside(reshape(z, [rows, latent]), seen)), [...lead, ...event]);
      },
      given(other) {
        if (width > 0) return given(other);
        throw new UsageError("given: the model is not conditional");
      },
    };
  };
  return given(open);
}

/** A condition of each row (rows, width) for several draws of each: (..., rows, width), where `lead` is (..., rows). */
function repeated(condition: Tensor, lead: Shape): Tensor {
  const draws = lead.slice(0, -1) as readonly number[];
  const ones = constant(new Float64Array(staticSize(draws)).fill(1), [...draws, 1, 1]);
  return draws.length === 0 ? condition : mul(condition, ones);
}
