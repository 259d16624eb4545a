import { elu, relu, silu, softplus } from "../graph/ops/activation.ts";
import { tanh } from "../graph/ops/functions.ts";
import { linear, linearFeaturesFirst } from "../graph/ops/linear.ts";
import { transpose } from "../graph/ops/structure.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/** A pure function of tensors; its parameters were declared when it was made. */
export type Layer = (x: Tensor) => Tensor;

export const activations = { relu, tanh, elu, silu, softplus } as const;
export type Activation = keyof typeof activations;

/** Initializations of a weight (inputs, outputs), by variance. */
export const initializations = {
  /** N(0, 1/inputs): LeCun et al. (1998). */
  lecun: (inputs) => ({ kind: "normal", standardDeviation: Math.sqrt(1 / inputs) }),
  /** N(0, 2/inputs): He et al. (2015), eq. 10. */
  he: (inputs) => ({ kind: "normal", standardDeviation: Math.sqrt(2 / inputs) }),
  /** U(±√(6/(inputs + outputs))): Glorot & Bengio (2010), eq. 16. */
  glorot: (inputs, outputs) => ({ kind: "uniform", limit: Math.sqrt(6 / (inputs + outputs)) }),
} as const satisfies Record<string, (inputs: number, outputs: number) => Initializer>;
export type Initialization = keyof typeof initializations;

export interface DenseOptions {
  readonly initialization: Initialization;
  /** How the bias starts. Default: 0. */
  readonly bias?: Initializer;
}

/** x·W + b: (rows, inputs) → (rows, outputs). Declares `weight` (inputs, outputs) and `bias` (outputs). */
export function dense(
  scope: Scope,
  inputs: number,
  outputs: number,
  { initialization, bias = zeros }: DenseOptions,
): Layer {
  const weight = scope.parameter("weight", [inputs, outputs], initializations[initialization](inputs, outputs));
  const offset = scope.parameter("bias", [outputs], bias);
  return (x) => linear(x, weight, offset);
}

export interface MlpOptions {
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initialization: Initialization;
}

/**
 * Dense layers, each followed by the activation: (rows, inputs) → (rows, last of hidden). In between, features lie first,
 * for which weights are stored (outputs, inputs).
 */
export function mlp(
  scope: Scope,
  inputs: number,
  { hidden, activation, initialization }: MlpOptions,
): { readonly layer: Layer; readonly features: number } {
  const widths = [inputs, ...hidden];
  const layers = hidden.map((outputs, i): Layer => {
    const at = scope.at(`hidden.${i}`);
    const weight = at.parameter("weight", [outputs, widths[i]!], initializations[initialization](widths[i]!, outputs));
    const bias = at.parameter("bias", [outputs], zeros);
    return (x) =>
      transpose(labelled(activations[activation](linearFeaturesFirst(x, weight, bias)), scope.path(`hidden.${i}`)));
  });
  return { layer: (x) => layers.reduce((h, layer) => layer(h), x), features: widths.at(-1)! };
}

/** Layers one after the other, each followed by the activation; what layer i gives is labelled as `name`.i. */
export function activated(scope: Scope, name: string, layers: readonly Layer[], activation: Activation): Layer {
  return (x) =>
    layers.reduce((h, apply, i) => labelled(activations[activation](apply(h)), scope.path(`${name}.${i}`)), x);
}
