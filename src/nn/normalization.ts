import { UsageError } from "../errors.ts";
import { add, div, mul, reciprocal, sqrt, square, sub } from "../graph/ops/arithmetic.ts";
import { matmul } from "../graph/ops/linear.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import { expand, reshape, stopGradient, sum } from "../graph/ops/structure.ts";
import { type Dim, elementCount, foldAxes, formatShape, isSymbolic, type Shape, sameShape } from "../graph/shape.ts";
import { constant, shapeError, type Tensor } from "../graph/tensor.ts";
import type { Layer } from "./dense.ts";
import { type Initializer, type Scope, type StateUpdate, zeros } from "./parameters.ts";

/*
 * Layers that give activations mean 0 and variance 1, then a scale and a bias that are trained: over the batch, over an
 * example, or over groups of its channels. Channels are last. Sums run over one axis at a time, or are products with a
 * row of weights: ONNX Runtime is slow where axes that are kept and summed take turns (docs/dev/performance.md).
 */

const ones: Initializer = { kind: "constant", value: 1 };

export interface NormalizationOptions {
  /** Added to the variance. Default: 1e-5. */
  readonly epsilon?: number;
}

const normalizationOptions: OptionNames<NormalizationOptions> = { epsilon: true };

/** Makes the error that refuses an option of the layer declared at the scope. */
const refusalAt =
  (layer: string, scope: Scope) =>
  (problem: string): UsageError =>
    new UsageError(`${layer} of ${scope.path("scale")}: ${problem}`);

function checkEpsilon(epsilon: number, refuse: (problem: string) => Error): void {
  if (!(epsilon > 0 && Number.isFinite(epsilon))) throw refuse(`epsilon: expected a positive number, got ${epsilon}`);
}

/** What is needed to normalize x: its statistics, and x near 0. */
interface Moments {
  /** x − shift, where the shift is x's mean but for rounding. */
  readonly near: Tensor;
  readonly shift: Tensor;
  /** The mean of `near`: what rounding took from the shift. */
  readonly rest: Tensor;
  readonly variance: Tensor;
}

/**
 * Mean and variance by the corrected two-pass algorithm (Chan, Golub & LeVeque 1983, eq. 1.7), which large means do not
 * cancel out of. Nothing that follows depends on the shift, but by rounding, so it has no gradient.
 * @param average of x: its statistics
 * @param spread of a statistic: what broadcasts to x
 */
function momentsOf(x: Tensor, average: (x: Tensor) => Tensor, spread: (statistic: Tensor) => Tensor): Moments {
  const shift = stopGradient(average(x));
  const near = sub(x, spread(shift));
  const rest = average(near);
  return { near, shift, rest, variance: sub(average(square(near)), square(rest)) };
}

const inverseDeviation = (variance: Tensor, epsilon: number): Tensor => reciprocal(sqrt(add(variance, epsilon)));

// ---- over the batch

/** What a layer with state gives: its output, and totals and counts that change the state after the step. */
export interface Applied {
  readonly output: Tensor;
  readonly updates: readonly StateUpdate[];
}

/**
 * Where a batch normalization takes its statistics from: in training from the batch, whose examples count by their
 * weight, and examples of weight 0 (which pad a batch) not at all; in evaluation from the state.
 */
export type Phase = "evaluation" | { readonly weight: Tensor };

export interface BatchNormOptions extends NormalizationOptions {
  /** The share of the running statistics that a step keeps. Default: 0.9. */
  readonly decay?: number;
}

const batchNormOptions: OptionNames<BatchNormOptions> = { ...normalizationOptions, decay: true };

/**
 * Batch normalization (Ioffe & Szegedy 2015, algorithms 1 and 2): every channel of (batch, …, channels) is given mean 0
 * and variance 1 over the batch and what lies between, then a scale and a bias. Declares `scale` and `bias` (channels),
 * and the running `mean` and `variance` (channels) as state; the variance is the unbiased one of the paper, m/(m − 1)
 * times that of the batch, where m counts the examples that the weights amount to, (Σw)²/Σw².
 *
 * The weight is (batch), or of more of the leading axes of x. It may not be 0 throughout: the mean of nothing is NaN. The
 * examples of a batch depend on each other, so a batch cut into parts gives other results: an objective with such a
 * layer names no `weights` (train/objectives.ts).
 * @throws UsageError for options; ShapeError where x or the weight does not fit
 */
export function batchNorm(
  scope: Scope,
  channels: number,
  options: BatchNormOptions = {},
): (x: Tensor, phase: Phase) => Applied {
  const refuse = refusalAt("batchNorm", scope);
  checkOptions(options, batchNormOptions, refuse);
  const { epsilon = 1e-5, decay = 0.9 } = options;
  checkEpsilon(epsilon, refuse);
  if (!(decay >= 0 && decay < 1)) throw refuse(`decay: expected a number in [0, 1), got ${decay}`);
  const affine = {
    scale: scope.parameter("scale", [channels], ones),
    bias: scope.parameter("bias", [channels], zeros),
  };
  const running = { mean: scope.state("mean", [channels], zeros), variance: scope.state("variance", [channels], ones) };
  return (x, phase) => {
    checkChannels("batchNorm", x, channels);
    if (phase === "evaluation") return { output: byState(x, affine, running, epsilon), updates: [] };
    const { output, mean, variance, count, unbiased } = byBatch(x, phase.weight, affine, epsilon);
    const updates = [
      { path: scope.path("mean"), total: mul(mean, count), count, decay },
      { path: scope.path("variance"), total: mul(variance, count), count: unbiased, decay },
    ];
    return { output, updates };
  };
}

interface Affine {
  readonly scale: Tensor;
  readonly bias: Tensor;
}

/** Algorithm 1. Rows are the examples that have a weight, each of so many pixels of the channels. */
function byBatch(x: Tensor, weight: Tensor, { scale, bias }: Affine, epsilon: number) {
  const rows = rowsOf(x, weight);
  const channels = x.shape.at(-1) as number;
  const pixels = elementCount(x.shape.slice(weight.shape.length, -1)).factor;
  const total = sum(weight);
  const count = mul(total, pixels); // elements of a channel
  const weights = reshape(weight, [1, rows]);
  const average = (y: Tensor): Tensor => {
    const added = reshape(matmul(weights, y), [pixels, channels]);
    return div(pixels === 1 ? reshape(added, [channels]) : sum(added, [0]), count);
  };
  const spread = (statistic: Tensor) => repeated(statistic, pixels);
  const { near, shift, rest, variance } = momentsOf(reshape(x, [rows, pixels * channels]), average, spread);
  const factor = mul(scale, inverseDeviation(variance, epsilon)); // (channels)
  const output = add(mul(near, spread(factor)), spread(sub(bias, mul(rest, factor))));
  return {
    output: reshape(output, x.shape),
    mean: add(shift, rest),
    variance,
    count,
    unbiased: sub(count, div(sum(square(weight)), total)),
  };
}

/** Algorithm 2, step 11: a scale and a bias of the state, since that is a constant of the batch. */
function byState(
  x: Tensor,
  { scale, bias }: Affine,
  { mean, variance }: { readonly mean: Tensor; readonly variance: Tensor },
  epsilon: number,
): Tensor {
  const [batch, ...others] = x.shape as readonly [Dim, ...Dim[]];
  const channels = others.at(-1) as number;
  const pixels = elementCount(others.slice(0, -1)).factor;
  const factor = mul(scale, inverseDeviation(variance, epsilon));
  const centred = sub(reshape(x, [batch, pixels * channels]), repeated(mean, pixels));
  return reshape(add(mul(centred, repeated(factor, pixels)), repeated(bias, pixels)), x.shape);
}

/** (channels) → (pixels·channels): a row as long as an example, for short rows broadcast slowly. */
function repeated(statistic: Tensor, pixels: number): Tensor {
  if (pixels === 1) return statistic;
  const channels = statistic.shape[0] as number;
  const row = constant(new Float64Array(pixels * channels), [pixels, channels]);
  return reshape(expand(statistic, row), [pixels * channels]);
}

/** The number of rows that have a weight of their own. */
function rowsOf(x: Tensor, weight: Tensor): Dim {
  const rank = weight.shape.length;
  const rows = foldAxes(weight.shape);
  const fits = rank >= 1 && rank < x.shape.length && sameShape(weight.shape, x.shape.slice(0, rank));
  if (!fits || rows === undefined || weight.dtype !== "float")
    throw shapeError(
      "batchNorm",
      `expected a weight ${formatShape([x.shape[0]!])}, or of more of the leading axes of x`,
      [x, weight],
    );
  return rows;
}

function checkChannels(layer: string, x: Tensor, channels: number): void {
  const fits = x.dtype === "float" && x.shape.length >= 2 && x.shape.at(-1) === channels;
  if (!fits || x.shape.slice(1).some(isSymbolic))
    throw shapeError(layer, `expected floats (batch, …, ${channels}), got ${formatShape(x.shape)} ${x.dtype}`, [x]);
}

// ---- over an example

/**
 * Layer normalization (Ba et al. 2016, eqs. 3 and 4): every example is given mean 0 and variance 1 over its last axes,
 * which `event` names ([width], or [height, width, channels]), then a scale and a bias for each element:
 * (..., ...event) → the same. Declares `scale` and `bias` (...event).
 * @throws UsageError for options; ShapeError where x does not fit
 */
export function layerNorm(scope: Scope, event: readonly number[], options: NormalizationOptions = {}): Layer {
  const refuse = refusalAt("layerNorm", scope);
  checkOptions(options, normalizationOptions, refuse);
  const { epsilon = 1e-5 } = options;
  checkEpsilon(epsilon, refuse);
  const size = event.reduce((a, b) => a * b, 1);
  const scale = scope.parameter("scale", event, ones);
  const bias = scope.parameter("bias", event, zeros);
  const average = (y: Tensor): Tensor => mul(sum(y, [1], true), 1 / size); // (rows, 1)
  return (x) => {
    const lead = x.shape.length - event.length;
    const rows = lead < 0 ? undefined : foldAxes(x.shape.slice(0, lead));
    if (rows === undefined || !sameShape(x.shape.slice(lead), event) || x.dtype !== "float")
      throw shapeError(
        "layerNorm",
        `expected floats (…, ${event.join(", ")}), got ${formatShape(x.shape)} ${x.dtype}`,
        [x],
      );
    const { near, rest, variance } = momentsOf(reshape(x, [rows, size]), average, (statistic) => statistic);
    const normal = mul(sub(near, rest), inverseDeviation(variance, epsilon));
    return reshape(add(mul(normal, reshape(scale, [size])), reshape(bias, [size])), x.shape);
  };
}

export interface GroupNormOptions extends NormalizationOptions {
  /** The channels are cut into so many groups, neighbours together; each has a mean and a variance. */
  readonly groups: number;
}

const groupNormOptions: OptionNames<GroupNormOptions> = { ...normalizationOptions, groups: true };

/**
 * Group normalization (Wu & He 2018, eqs. 1, 2 and 7): every group of channels of every example of
 * (batch, …, channels) is given mean 0 and variance 1, then a scale and a bias for each channel. One group is layer
 * normalization but for those, as many groups as channels instance normalization. Declares `scale` and `bias` (channels).
 * @throws UsageError for options, such as groups that do not divide the channels; ShapeError where x does not fit
 */
export function groupNorm(scope: Scope, channels: number, options: GroupNormOptions): Layer {
  const refuse = refusalAt("groupNorm", scope);
  checkOptions(options, groupNormOptions, refuse);
  const { groups, epsilon = 1e-5 } = options;
  checkEpsilon(epsilon, refuse);
  if (!(Number.isInteger(groups) && groups >= 1 && channels % groups === 0))
    throw refuse(`groups: expected a divisor of the ${channels} channels, got ${groups}`);
  const scale = scope.parameter("scale", [channels], ones);
  const bias = scope.parameter("bias", [channels], zeros);
  const own = channels / groups;
  return (x) => {
    checkChannels("groupNorm", x, channels);
    const batch = x.shape[0]!;
    const pixels = elementCount(x.shape.slice(1, -1)).factor;
    const grouped: Shape = [batch, groups, own];
    const average = (y: Tensor): Tensor => {
      const ofChannels = pixels === 1 ? y : sum(y, [1]);
      return mul(sum(reshape(ofChannels, grouped), [2], true), 1 / (pixels * own)); // (batch, groups, 1)
    };
    const like = constant(new Float64Array(channels), [1, groups, own]);
    const spread = (statistic: Tensor) => reshape(add(statistic, like), [batch, 1, channels]);
    const { near, rest, variance } = momentsOf(reshape(x, [batch, pixels, channels]), average, spread);
    const factor = mul(spread(inverseDeviation(variance, epsilon)), scale); // (batch, 1, channels)
    return reshape(add(mul(near, factor), sub(bias, mul(spread(rest), factor))), x.shape);
  };
}
