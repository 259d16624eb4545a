import { UsageError } from "../errors.ts";
import { splitEvenly } from "../graph/ops/join.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { dense } from "./dense.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/* The parameters of posteriors: what an encoder's last layer gives. */

/** Of q(z|x), each (rows, d) but where said. */
export interface PosteriorHead {
  readonly mean: Tensor;
  readonly logvar: Tensor;
  /** (rows, d(d − 1)/2), of a full covariance. */
  readonly below?: Tensor;
  /** Of a covariance of rank one. */
  readonly direction?: Tensor;
  /** (rows, context), for flows. */
  readonly context?: Tensor;
}

export interface PosteriorHeadOptions {
  /** Default: diagonal. */
  readonly covariance?: "diagonal" | "full" | "rank-one";
  /** How many features of the row to give flows as their context (Kingma et al. 2016's h). Default: 0. */
  readonly context?: number;
}

const headOptions: OptionNames<PosteriorHeadOptions> = { covariance: true, context: true };
const covariances = ["diagonal", "full", "rank-one"] as const;

/**
 * The layer that gives the parameters of a posterior: features (rows, features) → those of `posteriorOf`. A full
 * covariance starts as the diagonal one. Declares a dense layer of mean and log-variance, and layers `below`,
 * `direction` and `context` where there are such.
 * @throws UsageError for options, or a full covariance of one latent
 */
export function posteriorHead(
  scope: Scope,
  features: number,
  latent: number,
  options: PosteriorHeadOptions = {},
): (features: Tensor) => PosteriorHead {
  const refuse = (problem: string) => new UsageError(`posteriorHead of ${scope.path("weight")}: ${problem}`);
  checkOptions(options, headOptions, refuse);
  const { covariance = "diagonal", context = 0 } = options;
  if (!covariances.includes(covariance))
    throw refuse(`covariance: expected one of ${covariances.join(", ")}, got ${JSON.stringify(covariance)}`);
  if (covariance === "full" && latent < 2)
    throw refuse(`covariance: "full" needs 2 latents or more, got ${latent}; take "diagonal"`);
  if (!(Number.isInteger(context) && context >= 0))
    throw refuse(`context: expected a whole number of 0 or more, got ${context}`);
  const moments = dense(scope, features, 2 * latent, { initialization: "glorot" });
  const more = (name: string, size: number, initialization: "glorot" | Initializer) =>
    dense(scope.at(name), features, size, { initialization });
  const below = covariance === "full" ? more("below", (latent * (latent - 1)) / 2, zeros) : undefined;
  // Not from 0, where the gradient of the direction is 0 as well.
  const direction = covariance === "rank-one" ? more("direction", latent, "glorot") : undefined;
  const seen = context > 0 ? more("context", context, "glorot") : undefined;
  return (h) => {
    const [mean, logvar] = splitEvenly(moments(h), 1, 2) as [Tensor, Tensor];
    return {
      mean: labelled(mean, "mean of q(z|x)"),
      logvar: labelled(logvar, "log-variance of q(z|x)"),
      ...(below ? { below: labelled(below(h), "covariance of q(z|x)") } : {}),
      ...(direction ? { direction: labelled(direction(h), "direction of q(z|x)") } : {}),
      ...(seen ? { context: labelled(seen(h), "context of q(z|x)") } : {}),
    };
  };
}
