import type { Tensor } from "../graph/tensor.ts";
import type { ParameterSpec } from "../nn/parameters.ts";
import type { DrawnInput } from "./drawn-inputs.ts";
import type { FurtherTerms } from "./objective-table.ts";

/** A network that an objective has beside the model, and trains in turn with it on a loss of its own. */
export interface Adversary {
  readonly name: string;
  /** Kept in checkpoints, so that training goes on from them, and no part of the model. */
  readonly parameters: readonly ParameterSpec[];
  /** What its loss takes beside the inputs of the objective. */
  readonly inputs: readonly DrawnInput[];
  /** Factor on the optimizer's learning rate. */
  readonly learningRate: number;
  /** A scalar, which its own parameters alone are trained by. */
  readonly minimize: Tensor;
  readonly terms: FurtherTerms<Tensor>;
}
