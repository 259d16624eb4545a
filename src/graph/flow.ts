import type { Tensor } from "./tensor.ts";

/* What a normalizing flow is: the networks of `nn` make one, the posteriors and priors of `distributions` take one. */

/** Where a flow takes z, and the log-determinant of its Jacobian there: (..., d) and (...). */
export interface Mapped {
  readonly z: Tensor;
  readonly logDet: Tensor;
}

/** @param context (rows, features) for z (rows, d) or (k, rows, d); given exactly where the flow was made with one */
export type Through = (z: Tensor, context?: Tensor) => Mapped;

/** An invertible map of latent vectors, which may depend on a context: features of the row that z belongs to. */
export interface Flow {
  readonly forward: Through;
  /** The inverse of `forward` and the log-determinant of its Jacobian; absent where there is no exact one. */
  readonly inverse?: Through;
}

export type InvertibleFlow = Required<Flow>;
