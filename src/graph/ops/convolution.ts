import { type Dim, foldAxes, formatShape, isSymbolic, sameShape, times } from "../shape.ts";
import { apply, constant, type Operator, type Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { matmul } from "./linear.ts";
import { emitConv } from "./onnx-conv.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import { patches, unpatches } from "./patches.ts";
import { expand, reshape, sum, transpose } from "./structure.ts";
import { adjoint, flat, matrix } from "./transposed.ts";
import {
  type Geometry,
  imageSize,
  type Padding,
  type Pair,
  type Refuse,
  refusal,
  type WindowOptions,
  windowFrom,
  windowOver,
} from "./window.ts";
import { adjointByTiles, convolutionOfTiles, suitsTiles, transformedTiles, weightGradientOfTiles } from "./winograd.ts";

/*
 * Convolution and its adjoint, the transposed convolution, of images with the channels last. A convolution is a product
 * of patches with the weight; ONNX Runtime's own is slower where weights are inputs (docs/dev/performance.md).
 * The weight is (kernel height, kernel width, …), so that it is the matrix of that product as it lies.
 */

export interface ConvolutionOptions extends WindowOptions {
  /** The channels are cut into so many groups, which do not see each other. Default: 1. */
  readonly groups?: number;
  /** (outputs), added to the result. */
  readonly bias?: Tensor;
}

export interface TransposedOptions extends ConvolutionOptions {
  /**
   * Rows and columns added below and to the right: of the images that a convolution makes into x, the larger by so many.
   * Less than the stride. Default: 0.
   */
  readonly outputPadding?: Pair;
}

/** Gradient of the weight: the patches, transposed, times what the convolution makes, or takes, of them. */
const weightGradient = (seen: Tensor, other: Tensor, weight: Tensor): Tensor =>
  reshape(matmul(flat(seen), flat(other), { transposeA: true }), weight.shape);

/** (batch, rows, columns, channels) → (channels), by rows of many numbers: ONNX Runtime is slow where the last axis is short. */
function sumOfChannels(y: Tensor): Tensor {
  const [batch, rows, columns, channels] = y.shape as [Dim, Dim, number, number];
  const row = sum(reshape(y, [foldAxes([batch, rows])!, columns * channels]), [0]);
  return sum(reshape(row, [columns, channels]), [0]);
}

/** Fewer channels than this are repeated along the columns before they are added: a short last axis is slow. */
const narrow = 32;

function addBias(y: Tensor, bias: Tensor | undefined): Tensor {
  const [batch, rows, columns, channels] = y.shape as [Dim, Dim, number, number];
  if (!bias || channels >= narrow) return bias ? add(y, bias) : y;
  const pixels = constant(new Float64Array(columns * channels), [columns, channels]);
  const row = reshape(expand(bias, pixels), [columns * channels]);
  return reshape(add(reshape(y, [foldAxes([batch, rows])!, columns * channels]), row), y.shape);
}

/** Inputs: x, the weight, the patches of x, and maybe a bias. The patches serve the gradient of the weight as well. */
export const conv2dOperator: Operator = {
  name: "conv2d",
  infer: ([, weight, seen]) => ({ shape: [...seen!.shape.slice(0, 3), weight!.shape[3]!], dtype: "float" }),
  // y = P(x)·W + b with the patches P: dx = P*(dy·Wᵀ), the transposed convolution of dy; dW = P(x)ᵀ·dy; db = Σ dy
  gradient: (node, dy) => {
    const [, weight, seen, bias] = node.inputs as [Tensor, Tensor, Tensor, Tensor?];
    const dx = transposed(dy, weight, node.attributes as Geometry);
    return [dx, weightGradient(seen, dy, weight), undefined, ...(bias ? [sumOfChannels(dy)] : [])];
  },
  lower(node, emit) {
    const [x, weight, seen, bias] = node.inputs as [Tensor, Tensor, Tensor, Tensor?];
    if (emit.convolves(weight)) return emitConv(node.attributes as Geometry, x, weight, bias, emit);
    const features = seen.shape[3] as number;
    const rows = emit.node("Reshape", [emit.value(seen), emit.ints([-1, features])]);
    const columns = emit.node("Reshape", [emit.value(weight), emit.ints([features, weight.shape[3] as number])]);
    const product = emit.node("Gemm", [rows, columns, ...(bias ? [emit.value(bias)] : [])]);
    return emit.node("Reshape", [product, emit.ints([-1, ...(node.shape.slice(1) as number[])])]);
  },
};

/** Inputs: x, the weight, the transformed tiles of x, and the result, which `convolutionOfTiles` composes. */
export const tiledConv2dOperator: Operator = {
  name: "tiledConv2d",
  infer: ([, , , result]) => ({ shape: result!.shape, dtype: "float" }),
  // As of conv2d, whose rule this is a way to compute.
  gradient: (node, dy) => {
    const [, weight, tiles] = node.inputs as [Tensor, Tensor, Tensor];
    const geometry = node.attributes as Geometry;
    return [transposed(dy, weight, geometry), weightGradientOfTiles(tiles, dy, weight, geometry), undefined, undefined];
  },
  lower(node, emit) {
    const [x, weight, , result] = node.inputs as [Tensor, Tensor, Tensor, Tensor];
    if (emit.convolves(weight)) return emitConv(node.attributes as Geometry, x, weight, undefined, emit);
    return emit.value(result);
  },
};

function convolve(x: Tensor, weight: Tensor, geometry: Geometry, bias?: Tensor): Tensor {
  const [channels, outputs] = weight.shape.slice(2) as [number, number];
  if (!suitsTiles(geometry, channels, outputs)) return convolveSeen(x, weight, geometry, patches(x, geometry), bias);
  const tiles = transformedTiles(x, geometry);
  const result = convolutionOfTiles(tiles, weight, geometry, x.shape[0]!);
  return addBias(apply(tiledConv2dOperator, [x, weight, tiles, result], { ...geometry }), bias);
}

const convolveSeen = (x: Tensor, weight: Tensor, geometry: Geometry, seen: Tensor, bias?: Tensor): Tensor =>
  apply(conv2dOperator, bias ? [x, weight, seen, bias] : [x, weight, seen], { ...geometry });

/** Inputs: x, the weight, and the result, which `adjoint` composes. */
export const convTranspose2dOperator: Operator = {
  name: "convTranspose2d",
  infer: ([, , result]) => ({ shape: result!.shape, dtype: "float" }),
  // y = P*(x·Wᵀ): dx = P(dy)·W, the convolution of dy; dW = P(dy)ᵀ·x
  gradient: (node, dy) => {
    const [x, weight] = node.inputs as [Tensor, Tensor];
    const geometry = node.attributes as Geometry;
    const [outputs, channels] = weight.shape.slice(2) as [number, number];
    if (suitsTiles(geometry, outputs, channels)) {
      const tiles = transformedTiles(dy, geometry);
      return [convolve(dy, weight, geometry), weightGradientOfTiles(tiles, x, weight, geometry), undefined];
    }
    const seen = patches(dy, geometry);
    return [convolveSeen(dy, weight, geometry, seen), weightGradient(seen, x, weight), undefined];
  },
  lower: (node, emit) => emit.value(node.inputs[2]!),
};

/** The adjoint of the convolution of that geometry. */
function transposed(x: Tensor, weight: Tensor, geometry: Geometry): Tensor {
  const [outputs, channels] = weight.shape.slice(2) as [number, number];
  const result = suitsTiles(geometry, outputs, channels)
    ? adjointByTiles(x, weight, geometry)
    : adjoint(x, weight, geometry);
  return apply(convTranspose2dOperator, [x, weight, result], { ...geometry });
}

// ---- groups: as so many times as many images, each with its own weight, in a batched product

/** (batch, rows, columns, groups·features) → (groups·batch, rows, columns, features). */
function separate(x: Tensor, groups: number): Tensor {
  const [batch, rows, columns, features] = x.shape as [Dim, Dim, Dim, number];
  const cut = reshape(x, [batch, rows, columns, groups, features / groups]);
  return reshape(transpose(cut, [3, 0, 1, 2, 4]), [times(batch, groups), rows, columns, features / groups]);
}

/** The inverse of separate. */
function unite(x: Tensor, groups: number, batch: Dim): Tensor {
  const [, rows, columns, features] = x.shape as [Dim, Dim, Dim, number];
  const cut = transpose(reshape(x, [groups, batch, rows, columns, features]), [1, 2, 3, 0, 4]);
  return reshape(cut, [batch, rows, columns, groups * features]);
}

/** (groups·batch, rows, columns, a) times the matrix of each group, (groups, a, b). */
function groupedProduct(x: Tensor, weights: Tensor, batch: Dim): Tensor {
  const [groups, , features] = weights.shape as [number, number, number];
  const rows = foldAxes([batch, ...x.shape.slice(1, 3)])!;
  return reshape(matmul(reshape(x, [groups, rows, x.shape[3]!]), weights), [...x.shape.slice(0, 3), features]);
}

function convolveGroups(x: Tensor, weight: Tensor, geometry: Geometry, groups: number): Tensor {
  const [features, outputs] = matrix(weight).shape as [number, number];
  const weights = transpose(reshape(weight, [features, groups, outputs / groups]), [1, 0, 2]);
  const batch = x.shape[0]!;
  return unite(groupedProduct(patches(separate(x, groups), geometry), weights, batch), groups, batch);
}

function transposedGroups(x: Tensor, weight: Tensor, geometry: Geometry, groups: number): Tensor {
  const [features, channels] = matrix(weight).shape as [number, number];
  const weights = transpose(reshape(weight, [features, groups, channels / groups]), [1, 2, 0]);
  const batch = x.shape[0]!;
  return unite(unpatches(groupedProduct(separate(x, groups), weights, batch), geometry), groups, batch);
}

// ---- the functions

const convolutionOptions: OptionNames<ConvolutionOptions> = {
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  bias: true,
};
const transposedOptions: OptionNames<TransposedOptions> = { ...convolutionOptions, outputPadding: true };

/** Checks what both kinds of convolution take, and gives the weight's sizes. */
function checked(weight: Tensor, groups: number, refuse: Refuse): readonly number[] {
  if (weight.dtype !== "float" || weight.shape.length !== 4 || weight.shape.some(isSymbolic))
    throw refuse(`expected a weight of four static axes, got ${formatShape(weight.shape)}`);
  if (!(Number.isInteger(groups) && groups >= 1))
    throw refuse(`groups: expected a whole number of 1 or more, got ${groups}`);
  if (weight.shape.some((size) => size === 0))
    throw refuse(`expected a weight without empty axes, got ${formatShape(weight.shape)}`);
  return weight.shape as readonly number[];
}

function checkDivision(what: string, channels: number, groups: number, refuse: Refuse): void {
  if (channels % groups !== 0) throw refuse(`groups: ${groups} groups do not divide the ${channels} ${what} channels`);
}

function checkBias(bias: Tensor | undefined, outputs: number, refuse: Refuse): void {
  if (bias && (bias.dtype !== "float" || !sameShape(bias.shape, [outputs])))
    throw refuse(`expected a bias (${outputs},) of floats, got ${formatShape(bias.shape)} ${bias.dtype}`);
}

function conv(x: Tensor, weight: Tensor, options: ConvolutionOptions, refuse: Refuse): Tensor {
  const { groups = 1, bias } = options;
  const [height, width, channels] = imageSize(x, refuse);
  const [kh, kw, own, outputs] = checked(weight, groups, refuse) as [number, number, number, number];
  checkDivision("input", channels, groups, refuse);
  checkDivision("output", outputs, groups, refuse);
  if (own !== channels / groups)
    throw refuse(
      `expected a weight (kernel height, kernel width, ${channels / groups}, outputs), got ${formatShape(weight.shape)}`,
    );
  checkBias(bias, outputs, refuse);
  const geometry = windowOver([height, width], [kh, kw], options, refuse);
  if (groups === 1) return convolve(x, weight, geometry, bias);
  return addBias(convolveGroups(x, weight, geometry, groups), bias);
}

function convTranspose(x: Tensor, weight: Tensor, options: TransposedOptions, refuse: Refuse): Tensor {
  const { groups = 1, bias } = options;
  const [height, width, channels] = imageSize(x, refuse);
  const [kh, kw, own, inputs] = checked(weight, groups, refuse) as [number, number, number, number];
  checkDivision("input", channels, groups, refuse);
  if (inputs !== channels)
    throw refuse(
      `expected a weight (kernel height, kernel width, outputs${groups > 1 ? "/groups" : ""}, ${channels}), ` +
        `got ${formatShape(weight.shape)}`,
    );
  checkBias(bias, own * groups, refuse);
  const geometry = windowFrom([height, width], [kh, kw], options, refuse);
  const y = groups === 1 ? transposed(x, weight, geometry) : transposedGroups(x, weight, geometry, groups);
  return addBias(y, bias);
}

/**
 * Convolution (cross-correlation, as everywhere in the field) of images with the channels last:
 * x (batch, height, width, channels), weight (kernel height, kernel width, channels/groups, outputs) →
 * (batch, rows, columns, outputs), rows = ⌊(height + padding − (kernel height − 1)·dilation − 1)/stride⌋ + 1.
 * @throws ShapeError for sizes or options that do not fit or are not known, naming the option and what it may be
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  const refuse = refusal("conv2d", [x, weight]);
  checkOptions(options, convolutionOptions, refuse);
  return conv(x, weight, options, refuse);
}

/**
 * Transposed convolution, the exact adjoint of conv2d with the same weight and options, hence its gradient by x:
 * x (batch, rows, columns, channels), weight (kernel height, kernel width, outputs/groups, channels) →
 * (batch, height, width, outputs), height = (rows − 1)·stride + (kernel height − 1)·dilation + 1 − padding +
 * outputPadding; rows·stride with padding "same".
 * @throws ShapeError as conv2d
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: TransposedOptions = {}): Tensor {
  const refuse = refusal("convTranspose2d", [x, weight]);
  checkOptions(options, transposedOptions, refuse);
  return convTranspose(x, weight, options, refuse);
}

// ---- one dimension: images of one row

export interface Convolution1dOptions {
  readonly stride?: number;
  /** "valid", "same", so many zeros at both ends, or [before, after]. Default: "valid". */
  readonly padding?: "valid" | "same" | number | readonly [number, number];
  readonly dilation?: number;
  readonly groups?: number;
  readonly bias?: Tensor;
}

export interface Transposed1dOptions extends Convolution1dOptions {
  readonly outputPadding?: number;
}

type Convolution = (x: Tensor, weight: Tensor, options: TransposedOptions, refuse: Refuse) => Tensor;

function alongRow(f: Convolution, x: Tensor, weight: Tensor, options: Transposed1dOptions, refuse: Refuse): Tensor {
  if (x.shape.length !== 3)
    throw refuse(`expected series (batch, length, channels) of floats, got ${formatShape(x.shape)}`);
  if (weight.shape.length !== 3)
    throw refuse(`expected a weight (kernel, …, …) of three axes, got ${formatShape(weight.shape)}`);
  const { stride = 1, padding = "valid", dilation = 1, outputPadding = 0, ...others } = options;
  const sides: Padding =
    typeof padding === "string" ? padding : [[0, 0], typeof padding === "number" ? [padding, padding] : padding];
  const [batch, length, channels] = x.shape as [Dim, Dim, Dim];
  const y = f(
    reshape(x, [batch, 1, length, channels]),
    reshape(weight, [1, ...weight.shape]),
    { stride: [1, stride], padding: sides, dilation: [1, dilation], outputPadding: [0, outputPadding], ...others },
    refuse,
  );
  return reshape(y, [batch, y.shape[2]!, y.shape[3]!]);
}

/** conv2d of series: x (batch, length, channels), weight (kernel, channels/groups, outputs) → (batch, steps, outputs). */
export function conv1d(x: Tensor, weight: Tensor, options: Convolution1dOptions = {}): Tensor {
  const refuse = refusal("conv1d", [x, weight]);
  checkOptions(options, convolutionOptions, refuse);
  return alongRow(conv, x, weight, options, refuse);
}

/** convTranspose2d of series: x (batch, steps, channels), weight (kernel, outputs/groups, channels) → (batch, length, outputs). */
export function convTranspose1d(x: Tensor, weight: Tensor, options: Transposed1dOptions = {}): Tensor {
  const refuse = refusal("convTranspose1d", [x, weight]);
  checkOptions(options, transposedOptions, refuse);
  return alongRow(convTranspose, x, weight, options, refuse);
}
