import { UsageError } from "../errors.ts";
import { mul } from "../graph/ops/arithmetic.ts";
import { concat } from "../graph/ops/join.ts";
import { linear } from "../graph/ops/linear.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import { reshape } from "../graph/ops/structure.ts";
import { sameShape } from "../graph/shape.ts";
import { constant, shapeError, type Tensor } from "../graph/tensor.ts";
import { type Activation, activations, type Initialization, type Layer, weightStart } from "./dense.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

/*
 * Autoregressive layers: an output sees only what comes before it. Their weights are multiplied by a constant mask of
 * zeros and ones, which masks the gradient as well.
 */

export const refusalAt =
  (layer: string, scope: Scope) =>
  (problem: string): UsageError =>
    new UsageError(`${layer} of ${scope.path("weight")}: ${problem}`);

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** A weight and its mask. For the initialization, what an output, or an input, is part of is counted on average. */
export function maskedWeight(
  scope: Scope,
  shape: readonly number[],
  mask: readonly number[],
  initialization: Initialization | Initializer,
): Tensor {
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  const products = mask.reduce((a, b) => a + b, 0);
  const start = weightStart(initialization, Math.max(products / outputs, 1), Math.max(products / inputs, 1));
  return mul(scope.parameter("weight", shape, start), constant(mask, shape));
}

export interface MaskedDenseOptions {
  readonly initialization: Initialization | Initializer;
  /** How the bias starts. Default: 0. */
  readonly bias?: Initializer;
  /** Whether an output sees inputs of lower degree alone, and not those of its own. Default: false. */
  readonly strict?: boolean;
}

const maskedDenseOptions: OptionNames<MaskedDenseOptions> = { initialization: true, bias: true, strict: true };

/**
 * A dense layer, (rows, inputs) → (rows, outputs), in which an output of degree d sees the inputs of degrees ≤ d, or
 * < d if it is strict (MADE, Germain et al. 2015, eqs. 12 and 13). Declares `weight` (inputs, outputs) and `bias`
 * (outputs).
 * @param from the degree of each input
 * @param to the degree of each output
 * @throws UsageError for an option that is not known
 */
export function maskedDense(
  scope: Scope,
  from: readonly number[],
  to: readonly number[],
  options: MaskedDenseOptions,
): Layer {
  checkOptions(options, maskedDenseOptions, refusalAt("maskedDense", scope));
  const { initialization, bias = zeros, strict = false } = options;
  const mask = from.flatMap((input) => to.map((output) => (input < output || (input === output && !strict) ? 1 : 0)));
  const weight = maskedWeight(scope, [from.length, to.length], mask, initialization);
  const offset = scope.parameter("bias", [to.length], bias);
  return (x) => linear(x, weight, offset);
}

export interface MadeOptions {
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initialization: Initialization;
  /** How the weight of the output layer starts. Default: by the initialization. */
  readonly output?: Initializer;
  /** Outputs for each input, such as 2 for a mean and a log-variance. Default: 1. */
  readonly parameters?: number;
  /** The place of each input in the order, 0 … inputs − 1. Default: as they stand. */
  readonly order?: readonly number[];
  /** Features that every output may see, without an order. Default: 0. */
  readonly context?: number;
}

const madeOptions: OptionNames<MadeOptions> = {
  hidden: true,
  activation: true,
  initialization: true,
  output: true,
  parameters: true,
  order: true,
  context: true,
};

/**
 * The masked autoencoder MADE (Germain et al. 2015): (rows, inputs) → (rows, inputs, parameters), where the outputs for an
 * input depend on the inputs before it in the order, and on the context (rows, features) if there is one. Declares masked
 * dense layers `hidden.0`, … and `output`.
 *
 * An input's degree is its place in the order, counted from 1, and the context's is 0. The hidden units have the degrees
 * 1 … inputs − 1 in turn, with a context also 0: without such units the first output would not see the context.
 * @throws UsageError for options; ShapeError where x or the context does not fit
 */
export function made(scope: Scope, inputs: number, options: MadeOptions): (x: Tensor, context?: Tensor) => Tensor {
  const refuse = (problem: string) => new UsageError(`made of ${scope.path("output")}: ${problem}`);
  checkOptions(options, madeOptions, refuse);
  const { hidden, activation, initialization, parameters = 1, order = range(inputs), context = 0 } = options;
  const last = options.output ?? initialization;
  if (
    !sameShape(
      order.toSorted((a, b) => a - b),
      range(inputs),
    )
  )
    throw refuse(`order: expected each of 0…${inputs - 1} once, got [${order}]`);
  if (!(Number.isInteger(parameters) && parameters >= 1))
    throw refuse(`parameters: expected a whole number of 1 or more, got ${parameters}`);
  if (!(Number.isInteger(context) && context >= 0))
    throw refuse(`context: expected a whole number of 0 or more, got ${context}`);
  const own = order.map((place) => place + 1);
  const least = context > 0 || inputs === 1 ? 0 : 1;
  const between = hidden.map((width) => range(width).map((unit) => least + (unit % (inputs - least))));
  const degrees = [[...own, ...Array<number>(context).fill(0)], ...between];
  const layers = between.map((to, i) => maskedDense(scope.at(`hidden.${i}`), degrees[i]!, to, { initialization }));
  const of = own.flatMap((degree) => Array<number>(parameters).fill(degree));
  const output = maskedDense(scope.at("output"), degrees.at(-1)!, of, { initialization: last, strict: true });
  return (x, seen) => {
    const given = seen ? [x, seen] : [x];
    const [rows] = x.shape;
    const fits = x.shape.length === 2 && x.shape[1] === inputs;
    if (!fits || (seen ? !sameShape(seen.shape, [rows!, context]) || context === 0 : context > 0))
      throw shapeError(
        "made",
        `expected x (rows, ${inputs})${context > 0 ? ` and a context (rows, ${context})` : " and no context"}`,
        given,
      );
    const h = layers.reduce((below, layer) => activations[activation](layer(below)), concat(given, 1));
    return reshape(output(h), [rows!, inputs, parameters]);
  };
}
