import { concat } from "../graph/ops/join.ts";
import { reshape } from "../graph/ops/structure.ts";
import { type Shape, staticSize } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { dense, type Initialization, type MlpOptions, mlp } from "./dense.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/*
 * What all encoders and decoders have in common. Both hand features on, flattened to (rows, features), whatever they are
 * inside: the posterior makes its parameters of the one's, the likelihood of the other's.
 */

/** The network of q(z|x), but for its last layer. */
export interface EncoderNetwork {
  readonly features: number;
  /** (rows, ...event) → (rows, features). @param condition (rows, condition), of a network that was made for one */
  apply(x: Tensor, condition?: Tensor): Tensor;
}

/** A decoder's last layer: (rows, features) → the given shape, which is (..., ...event) with `rows` rows in its lead. */
export type Head = (features: Tensor, shape: Shape) => Tensor;

export interface HeadOptions {
  /**
   * Numbers for each element of the event; with more than one, the result has one more axis, the last, for them.
   * Default: 1.
   */
  readonly values?: number;
  /**
   * How many of the event's last axes have those numbers in common and are not in the result, such as 1 for numbers of
   * each pixel and not of each channel. Default: 0.
   */
  readonly joint?: number;
  /** How the bias starts, of which there is one for each number of the event. Default: 0. */
  readonly bias?: Initializer;
}

/** The network of p(x|z), but for its last layer, of which a likelihood makes one for each of its parameters. */
export interface DecoderNetwork {
  readonly features: number;
  /** (rows, latent) → (rows, features). */
  apply(z: Tensor): Tensor;
  /** Declares a last layer at `scope`. */
  head(scope: Scope, options?: HeadOptions): Head;
}

/** How last layers start: their outputs are small, so that the bias says where training begins. */
export const headInitialization: Initialization = "glorot";

/** Dense layers of the flattened example, and of so many numbers of a condition beside it. */
export function denseEncoder(
  scope: Scope,
  event: readonly number[],
  options: MlpOptions,
  condition = 0,
): EncoderNetwork {
  const size = staticSize(event);
  const { layer, features } = mlp(scope, size + condition, options);
  return { features, apply: (x, c) => layer(beside(reshape(x, [x.shape[0]!, size]), c)) };
}

/** Features with those of a condition beside them, if there is one: (rows, features) → (rows, features + condition). */
export const beside = (x: Tensor, condition: Tensor | undefined): Tensor => (condition ? concat([x, condition], 1) : x);

/** Dense layers, the last one to the flattened example. */
export function denseDecoder(
  scope: Scope,
  latent: number,
  event: readonly number[],
  options: MlpOptions,
): DecoderNetwork {
  const { layer, features } = mlp(scope, latent, options);
  return {
    features,
    apply: layer,
    head(at, { values = 1, joint = 0, bias = zeros } = {}) {
      const size = staticSize(event.slice(0, event.length - joint)) * values;
      const last = dense(at, features, size, { initialization: headInitialization, bias });
      return (h, shape) => reshape(last(h), withValues(shape, values, joint));
    },
  };
}

/** The shape of a head's result. */
export const withValues = (shape: Shape, values: number, joint: number): Shape => [
  ...shape.slice(0, shape.length - joint),
  ...(values === 1 ? [] : [values]),
];
