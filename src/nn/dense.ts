import { elu, relu, silu, softplus } from "../graph/ops/activation.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { sigmoid, tanh } from "../graph/ops/functions.ts";
import { splitEvenly } from "../graph/ops/join.ts";
import { linear, linearFeaturesFirst } from "../graph/ops/linear.ts";
import { transpose } from "../graph/ops/structure.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/** A pure function of tensors; its parameters were declared when it was made. */
export type Layer = (x: Tensor) => Tensor;

export const activations = { relu, tanh, elu, silu, softplus } as const;
export type Activation = keyof typeof activations;

/** What follows a layer: an activation, or a gate, for which the layer gives twice the features. */
export type Nonlinearity = Activation | "gate";

/** How many features a layer gives so that so many are there after a gate, if one follows. */
export const beforeGate = (features: number, gated: boolean): number => (gated ? 2 * features : features);

/** An activation of x, or the gate a·σ(b) of the halves a and b of an axis of x (Dauphin et al. 2017, eq. 1). */
export function nonlinear(x: Tensor, nonlinearity: Nonlinearity | Layer, axis: number): Tensor {
  if (typeof nonlinearity === "function") return nonlinearity(x);
  if (nonlinearity !== "gate") return activations[nonlinearity](x);
  const [a, b] = splitEvenly(x, axis, 2) as [Tensor, Tensor];
  return mul(a, sigmoid(b));
}

/** Initializations of a weight (inputs, outputs), by variance. Before a gate, outputs are those that pass it. */
export const initializations = {
  /** N(0, 1/inputs): LeCun et al. (1998). */
  lecun: (inputs) => ({ kind: "normal", standardDeviation: Math.sqrt(1 / inputs) }),
  /** N(0, 2/inputs): He et al. (2015), eq. 10. */
  he: (inputs) => ({ kind: "normal", standardDeviation: Math.sqrt(2 / inputs) }),
  /** U(±√(6/(inputs + outputs))): Glorot & Bengio (2010), eq. 16. */
  glorot: (inputs, outputs) => ({ kind: "uniform", limit: Math.sqrt(6 / (inputs + outputs)) }),
} as const satisfies Record<string, (inputs: number, outputs: number) => Initializer>;
export type Initialization = keyof typeof initializations;

/** How a weight (inputs, outputs) starts: by its size, or as given. */
export const weightStart = (how: Initialization | Initializer, inputs: number, outputs: number): Initializer =>
  typeof how === "string" ? initializations[how](inputs, outputs) : how;

export interface DenseOptions {
  readonly initialization: Initialization | Initializer;
  /** How the bias starts. Default: 0. */
  readonly bias?: Initializer;
  /** A gate follows: the layer gives twice the outputs, and its initialization counts those that pass. Default: false. */
  readonly gated?: boolean;
}

/**
 * x·W + b: (rows, inputs) → (rows, outputs), or (rows, 2·outputs) for a gate. Declares `weight` (inputs, outputs) and
 * `bias` (outputs), or of twice the outputs.
 */
export function dense(
  scope: Scope,
  inputs: number,
  outputs: number,
  { initialization, bias = zeros, gated = false }: DenseOptions,
): Layer {
  const given = beforeGate(outputs, gated);
  const weight = scope.parameter("weight", [inputs, given], weightStart(initialization, inputs, outputs));
  const offset = scope.parameter("bias", [given], bias);
  return (x) => linear(x, weight, offset);
}

export interface MlpOptions {
  readonly hidden: readonly number[];
  /** By name, or any function of each element alone. */
  readonly activation: Nonlinearity | Layer;
  readonly initialization: Initialization;
}

/**
 * Dense layers, each followed by the activation: (rows, inputs) → (rows, last of hidden). In between, features lie first,
 * for which weights are stored (outputs, inputs), or (2·outputs, inputs) for a gate.
 */
export function mlp(
  scope: Scope,
  inputs: number,
  { hidden, activation, initialization }: MlpOptions,
): { readonly layer: Layer; readonly features: number } {
  const widths = [inputs, ...hidden];
  const layers = hidden.map((width, i): Layer => {
    const at = scope.at(`hidden.${i}`);
    const outputs = beforeGate(width, activation === "gate");
    const weight = at.parameter("weight", [outputs, widths[i]!], initializations[initialization](widths[i]!, width));
    const bias = at.parameter("bias", [outputs], zeros);
    return (x) => {
      const h = nonlinear(linearFeaturesFirst(x, weight, bias), activation, 0); // (width, rows)
      return transpose(labelled(h, scope.path(`hidden.${i}`)));
    };
  });
  return { layer: (x) => layers.reduce((h, layer) => layer(h), x), features: widths.at(-1)! };
}

/**
 * Layers one after the other, each followed by the activation, features last; what layer i gives is labelled as
 * `name`.i.
 */
export function activated(scope: Scope, name: string, layers: readonly Layer[], activation: Nonlinearity): Layer {
  return (x) =>
    layers.reduce((h, apply, i) => {
      const y = apply(h);
      return labelled(nonlinear(y, activation, y.shape.length - 1), scope.path(`${name}.${i}`));
    }, x);
}
