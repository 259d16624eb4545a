import { likelihoods as builtIn } from "../config.parts.ts";
import type { Distribution } from "../distributions/distribution.ts";
import { UsageError } from "../errors.ts";
import type { Shape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { DecoderNetwork } from "../nn/networks.ts";
import type { Scope } from "../nn/parameters.ts";
import { isRecord, show } from "../show.ts";

/** What is known of the data before training: where decoders start (DESIGN.md, 3). */
export interface DataStatistics {
  /** Mean of each element of the event, (...event) flattened. */
  readonly mean: Float32Array;
  /** Variance of all elements about their means, one number. */
  readonly variance: number;
  /** So many examples (count, ...event), from all over the data. */
  readonly examples?: (count: number) => Float32Array;
}

export interface LikelihoodContext {
  /** Where the likelihood declares its parameters. */
  readonly scope: Scope;
  /** Width of what the decoder gives, (rows, features); of a convolutional one, its last map, flattened. */
  readonly features: number;
  /**
   * Declares a last layer of the decoder's own kind, dense or convolutional, with one number for each element of the
   * event, or several: features (rows, features) → the shape asked for. Call it once for each parameter of p(x|z).
   */
  readonly head: DecoderNetwork["head"];
  /** Shape of one example. */
  readonly event: readonly number[];
  /** Absent when a saved model is loaded: its parameters are about to be filled in. */
  readonly statistics: DataStatistics | undefined;
}

/** Values: 0 or 1; from 0 to 1; any finite number; or whole numbers from 0 to `whole`, which may be Infinity. */
export type Support = "binary" | "unit" | "real" | { readonly whole: number };

/** A family of likelihoods p(x|z). */
export interface LikelihoodPart {
  /**
   * Which values the likelihood has a density for, or how its options say that; the data are checked against it.
   */
  readonly support: Support | ((options: Readonly<Record<string, unknown>>) => Support);
  /** Whether it assigns probabilities (nats of a discrete code) or a density. */
  readonly measure: "probability" | "density";
  /**
   * Declares the head's parameters. The result maps features (rows, features) to p(x|z) of the given shape, which is
   * (..., ...event) with `rows` rows in its leading axes.
   */
  build(
    context: LikelihoodContext,
    options: Readonly<Record<string, unknown>>,
  ): (features: Tensor, shape: Shape) => Distribution;
}

/** Whether a likelihood comes with vaekit, and is there in every thread. */
export const isBuiltIn = (name: string): boolean => builtIn.some((known) => known === name);

const likelihoods = new Map<string, LikelihoodPart>();

/**
 * Registers a likelihood under a name, which a config's `model.likelihood.kind` then refers to. A model file holds the
 * name and the options, never code: whoever loads it must register the same part first.
 * @throws UsageError when the name is taken, or the part is none
 */
export function registerLikelihood(name: string, part: LikelihoodPart): void {
  if (typeof name !== "string" || name === "") throw new UsageError(`likelihood: expected a name, got ${show(name)}`);
  checkPart(`likelihood "${name}"`, part);
  if (likelihoods.has(name) || isBuiltIn(name))
    throw new UsageError(
      `likelihood "${name}" is ${likelihoods.has(name) ? "registered already" : "built in"}; choose another name`,
    );
  likelihoods.set(name, part);
}

function checkPart(where: string, part: unknown): void {
  if (!isRecord(part))
    throw new UsageError(`${where}: expected a part, { support, measure, build }, got ${show(part)}`);
  const { support, measure, build } = part;
  if (!["binary", "unit", "real"].includes(support as string) && typeof support !== "function" && !isWhole(support))
    throw new UsageError(
      `${where}: support: expected "binary", "unit", "real", { whole: n } or a function, got ${show(support)}`,
    );
  if (!["probability", "density"].includes(measure as string))
    throw new UsageError(`${where}: measure: expected "probability", "density", got ${show(measure)}`);
  if (typeof build !== "function") throw new UsageError(`${where}: build: expected a function, got ${show(build)}`);
}

const isWhole = (support: unknown): boolean => isRecord(support) && (support.whole as number) > 0;

/** @throws UsageError naming the likelihood that is missing and those there are */
export function registeredLikelihood(name: string): LikelihoodPart {
  const part = likelihoods.get(name);
  if (part) return part;
  const known = [...builtIn, ...likelihoods.keys()].join(", ");
  throw new UsageError(
    `model.likelihood.kind: no likelihood is named "${name}" (there are: ${known}); a likelihood of your own must be registered with registerLikelihood("${name}", …) before the model is built or loaded`,
  );
}
