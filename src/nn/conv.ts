import { UsageError } from "../errors.ts";
import { conv2d, convTranspose2d } from "../graph/ops/convolution.ts";
import { checkOptions, type OptionNames } from "../graph/ops/options.ts";
import type { Padding, Pair } from "../graph/ops/window.ts";
import { beforeGate, type Initialization, initializations, type Layer } from "./dense.ts";
import { type Initializer, type Scope, zeros } from "./parameters.ts";

export interface ConvOptions {
  /** The window's size, one number for both axes or [height, width]. */
  readonly kernel: Pair;
  readonly initialization: Initialization;
  /** Default: 1. */
  readonly stride?: Pair;
  /** Default: "valid". */
  readonly padding?: Padding;
  /** Default: 1. */
  readonly dilation?: Pair;
  /** Default: 1. */
  readonly groups?: number;
  /** The initial weights are so many times those of the initialization. Default: 1. */
  readonly gain?: number;
  /** How the bias starts; false for none. Default: 0. */
  readonly bias?: Initializer | false;
  /** A gate follows: the layer gives twice the outputs, and its initialization counts those that pass. Default: false. */
  readonly gated?: boolean;
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added below and to the right, less than the stride. Default: 0. */
  readonly outputPadding?: Pair;
}

const convOptions: OptionNames<ConvOptions> = {
  kernel: true,
  initialization: true,
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  gain: true,
  bias: true,
  gated: true,
};
const convTransposeOptions: OptionNames<ConvTransposeOptions> = { ...convOptions, outputPadding: true };

/** Refuses an option of the layer whose weight is declared at the scope. */
const refusalAt =
  (layer: string, scope: Scope) =>
  (problem: string): UsageError =>
    new UsageError(`${layer} of ${scope.path("weight")}: ${problem}`);

const area = (pair: Pair): number => (typeof pair === "number" ? pair * pair : pair[0] * pair[1]);
const sides = (kernel: Pair): readonly [number, number] => (typeof kernel === "number" ? [kernel, kernel] : kernel);

/** Draws times a factor. */
const times = (start: ReturnType<(typeof initializations)[Initialization]>, factor: number): Initializer =>
  start.kind === "normal"
    ? { kind: "normal", standardDeviation: start.standardDeviation * factor }
    : { kind: "uniform", limit: start.limit * factor };

/**
 * Convolution, (batch, height, width, inputs) → (batch, rows, columns, outputs); see conv2d. Declares `weight`
 * (kernel height, kernel width, inputs/groups, outputs) and `bias` (outputs), or of twice the outputs for a gate. For the
 * initialization, an output is the sum of kernel area·inputs/groups products, and an input is part of
 * kernel area·outputs/groups/stride² outputs on average.
 * @throws UsageError for an option that is not known, naming the nearest that is
 */
export function conv(scope: Scope, inputs: number, outputs: number, options: ConvOptions): Layer {
  checkOptions(options, convOptions, refusalAt("conv", scope));
  const { kernel, initialization, gain = 1, bias = zeros, gated = false, ...window } = options;
  const { stride = 1, groups = 1 } = window;
  const fanIn = (area(kernel) * inputs) / groups;
  const fanOut = (area(kernel) * outputs) / groups / area(stride);
  const given = beforeGate(outputs, gated);
  const shape = [...sides(kernel), inputs / groups, given];
  const start = times(initializations[initialization](fanIn, fanOut), gain);
  const weight = scope.parameter("weight", shape, start);
  const offset = bias && scope.parameter("bias", [given], bias);
  return (x) => conv2d(x, weight, { ...window, ...(offset ? { bias: offset } : {}) });
}

/**
 * Transposed convolution, (batch, rows, columns, inputs) → (batch, height, width, outputs); see convTranspose2d.
 * Declares `weight` (kernel height, kernel width, outputs/groups, inputs) and `bias` (outputs), or of twice the outputs
 * for a gate. For the initialization, an output is the sum of kernel area·inputs/groups/stride² products on average, and
 * an input is part of kernel area·outputs/groups outputs.
 * @throws UsageError for an option that is not known, naming the nearest that is
 */
export function convTranspose(scope: Scope, inputs: number, outputs: number, options: ConvTransposeOptions): Layer {
  checkOptions(options, convTransposeOptions, refusalAt("convTranspose", scope));
  const { kernel, initialization, gain = 1, bias = zeros, gated = false, ...window } = options;
  const { stride = 1, groups = 1 } = window;
  const fanIn = (area(kernel) * inputs) / groups / area(stride);
  const fanOut = (area(kernel) * outputs) / groups;
  const given = beforeGate(outputs, gated);
  const shape = [...sides(kernel), given / groups, inputs];
  const start = times(initializations[initialization](fanIn, fanOut), gain);
  const weight = scope.parameter("weight", shape, start);
  const offset = bias && scope.parameter("bias", [given], bias);
  return (x) => convTranspose2d(x, weight, { ...window, ...(offset ? { bias: offset } : {}) });
}
