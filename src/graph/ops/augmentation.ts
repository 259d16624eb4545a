import { type Dim, formatShape, isSymbolic, sameShape } from "../shape.ts";
import { constant, type Tensor } from "../tensor.ts";
import { add, clip, neg } from "./arithmetic.ts";
import { asFloat, asInt, equal, greater, where } from "./comparison.ts";
import { matmul } from "./linear.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import { gather } from "./select.ts";
import { reshape, transpose } from "./structure.ts";
import { type Refuse, refusal } from "./window.ts";

/*
 * Augmentation of images (batch, height, width, channels), or grey ones (batch, height, width), by a whole number for
 * each example: (batch), drawn anew at every step. The numbers are floats, which is what a training program takes; what
 * is left of a fraction is its whole part. All of them are differentiable in the image.
 */

export interface ShiftOptions {
  /** What comes in from outside of the image: zeros, or its nearest row and column. Default: "zero". */
  readonly padding?: "zero" | "edge";
}

const shiftOptions: OptionNames<ShiftOptions> = { padding: true };

/** An image batch with a channel axis, and how to give back what was given. */
function asImages(x: Tensor, refuse: Refuse): { readonly images: Tensor; readonly restore: (y: Tensor) => Tensor } {
  const rank = x.shape.length;
  if (x.dtype !== "float" || (rank !== 3 && rank !== 4) || x.shape.slice(1).some(isSymbolic))
    throw refuse(
      `expected images (batch, height, width) or (batch, height, width, channels) of floats, got ${formatShape(x.shape)} ${x.dtype}`,
    );
  if (rank === 4) return { images: x, restore: (y) => y };
  return { images: reshape(x, [...x.shape, 1]), restore: (y) => reshape(y, y.shape.slice(0, 3)) };
}

function checkIndex(name: string, index: Tensor, x: Tensor, refuse: Refuse): void {
  if (!sameShape(index.shape, [x.shape[0]!]) || index.dtype === "bool")
    throw refuse(`${name}: expected a number for each example, (${x.shape[0]},), got ${formatShape(index.shape)}`);
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const row = (length: number): Tensor => constant(range(length), [1, length]);

/**
 * Which of `size` rows each row of the result is, as a matrix for every example: (batch, count, size), 1 there and 0
 * elsewhere. Row i is row i + start; where that lies outside it is none, or the row at the edge.
 */
function choice(start: Tensor, size: number, count: number, padding: "zero" | "edge"): Tensor {
  const batch = start.shape[0]!;
  const source = add(reshape(asFloat(asInt(start)), [batch, 1]), row(count));
  const held = padding === "edge" ? clip(source, 0, size - 1) : source;
  return asFloat(equal(reshape(held, [batch, count, 1]), constant(range(size), [1, 1, size])));
}

/**
 * The part of the images of `size` that begins at a row and a column. A product with zeros and ones is exact, has the
 * gradient that is needed, and is no slower than a gather of single pixels.
 */
function cut(images: Tensor, top: Tensor, left: Tensor, size: readonly [number, number], padding: "zero" | "edge") {
  const [batch, height, width, channels] = images.shape as [Dim, number, number, number];
  const [rows, columns] = [choice(top, height, size[0], padding), choice(left, width, size[1], padding)];
  const high = matmul(rows, reshape(images, [batch, height, width * channels])); // (batch, rows, width·channels)
  if (channels === 1) return reshape(matmul(high, columns, { transposeB: true }), [batch, ...size, 1]);
  const turned = transpose(reshape(high, [batch, size[0], width, channels]), [0, 2, 1, 3]);
  const wide = matmul(columns, reshape(turned, [batch, width, size[0] * channels]));
  return transpose(reshape(wide, [batch, size[1], size[0], channels]), [0, 2, 1, 3]);
}

function checkPadding(options: ShiftOptions, refuse: Refuse): "zero" | "edge" {
  checkOptions(options, shiftOptions, refuse);
  const { padding = "zero" } = options;
  if (padding !== "zero" && padding !== "edge")
    throw refuse(`padding: expected "zero" or "edge", got ${JSON.stringify(padding)}`);
  return padding;
}

/**
 * Every image moved by its own whole number of pixels: (batch, height, width[, channels]) → the same. An image with
 * infinite pixels becomes NaN in places.
 * @param down (batch): rows by which an image moves down; negative ones move it up
 * @param right (batch): columns by which it moves to the right
 * @throws ShapeError for shapes and options that do not fit or are not known
 */
export function shift(x: Tensor, down: Tensor, right: Tensor, options: ShiftOptions = {}): Tensor {
  const refuse = refusal("shift", [x, down, right]);
  const padding = checkPadding(options, refuse);
  const { images, restore } = asImages(x, refuse);
  checkIndex("down", down, x, refuse);
  checkIndex("right", right, x, refuse);
  const [height, width] = images.shape.slice(1) as [number, number];
  return restore(cut(images, neg(asFloat(down)), neg(asFloat(right)), [height, width], padding));
}

/**
 * The part of every image of `size` that begins at its own place: (batch, height, width[, channels]) → (batch, ...size[,
 * channels]). The part may reach out of the image, as ShiftOptions says.
 * @param top (batch): the row at which the part begins
 * @param left (batch): the column
 * @throws ShapeError for shapes and options that do not fit or are not known
 */
export function crop(
  x: Tensor,
  top: Tensor,
  left: Tensor,
  size: readonly [height: number, width: number],
  options: ShiftOptions = {},
): Tensor {
  const refuse = refusal("crop", [x, top, left]);
  const padding = checkPadding(options, refuse);
  const { images, restore } = asImages(x, refuse);
  checkIndex("top", top, x, refuse);
  checkIndex("left", left, x, refuse);
  if (size.length !== 2 || !size.every((n) => Number.isInteger(n) && n >= 1))
    throw refuse(`size: expected [height, width] of 1 or more, got [${size}]`);
  return restore(cut(images, top, left, size, padding));
}

/**
 * Images mirrored, left to right, where `chosen` (batch) is 1, and as they are where it is 0:
 * (batch, height, width[, channels]) → the same.
 * @throws ShapeError for shapes that do not fit
 */
export function flipHorizontal(x: Tensor, chosen: Tensor): Tensor {
  return flipped("flipHorizontal", x, chosen, 2);
}

/** Images mirrored, top to bottom, where `chosen` (batch) is 1; as flipHorizontal. */
export function flipVertical(x: Tensor, chosen: Tensor): Tensor {
  return flipped("flipVertical", x, chosen, 1);
}

function flipped(name: string, x: Tensor, chosen: Tensor, axis: 1 | 2): Tensor {
  const refuse = refusal(name, [x, chosen]);
  const { images, restore } = asImages(x, refuse);
  checkIndex("chosen", chosen, x, refuse);
  const size = images.shape[axis] as number;
  const mirrored = gather(images, constant(range(size).reverse(), [size], "int"), axis);
  const condition = greater(reshape(asFloat(chosen), [x.shape[0]!, 1, 1, 1]), 0.5);
  return restore(where(condition, mirrored, images));
}
