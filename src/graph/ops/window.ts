import { formatShape, isSymbolic, type Shape } from "../shape.ts";
import { shapeError, type Tensor } from "../tensor.ts";

/* Where a window lies as it moves over an image: what convolution and pooling have in common. */

/** One number for both axes, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

/**
 * Zeros around an image: none ("valid"); as many as give ⌈size / stride⌉ outputs, an odd one below and to the right
 * ("same"); so many on all sides; [above and below, left and right]; or [[above, below], [left, right]].
 */
export type Padding = "valid" | "same" | Pair | readonly [readonly [number, number], readonly [number, number]];

export interface WindowOptions {
  /** How far the window moves from one output to the next. Default: 1. */
  readonly stride?: Pair;
  /** Default: "valid". */
  readonly padding?: Padding;
  /** Distance of neighbouring elements of the window. Default: 1. */
  readonly dilation?: Pair;
}

type Two = readonly [number, number];

/**
 * A window's places, for [vertical, horizontal]: element k of the window at its place o lies at
 * o·stride + k·dilation − before of an image of `size`; what lies outside is padding. `count` places.
 */
export type Geometry = {
  readonly size: Two;
  readonly kernel: Two;
  readonly stride: Two;
  readonly dilation: Two;
  readonly before: Two;
  readonly count: Two;
};

/** Makes the error that refuses an option or a shape. */
export type Refuse = (problem: string) => Error;

export const refusal =
  (name: string, inputs: readonly Tensor[]): Refuse =>
  (problem) =>
    shapeError(name, problem, inputs);

const pair = (value: Pair): Two => (typeof value === "number" ? [value, value] : value);
const both = (f: (axis: 0 | 1) => number): Two => [f(0), f(1)];

/** A pair of whole numbers of `least` or more. */
export function wholePair(name: string, value: Pair, least: number, refuse: Refuse): Two {
  const two = pair(value);
  if (two.length !== 2 || !two.every((n) => Number.isInteger(n) && n >= least))
    throw refuse(`${name}: expected a whole number of ${least} or more, or two [vertical, horizontal], got [${value}]`);
  return two;
}

/** The height, width and channels of a batch of images (batch, height, width, channels). */
export function imageSize(x: Tensor, refuse: Refuse): readonly [height: number, width: number, channels: number] {
  const [, height, width, channels] = x.shape;
  if (x.dtype !== "float" || x.shape.length !== 4)
    throw refuse(`expected images (batch, height, width, channels) of floats, got ${formatShape(x.shape)} ${x.dtype}`);
  return [fixed(height!, "height", refuse), fixed(width!, "width", refuse), fixed(channels!, "channels", refuse)];
}

function fixed(size: Shape[number], what: string, refuse: Refuse): number {
  if (isSymbolic(size)) throw refuse(`the ${what} must be of static size, got ${size}; only the batch may vary`);
  return size;
}

/** [before, after] of both axes, or "same". */
function paddingOf(padding: Padding, refuse: Refuse): "same" | readonly [Two, Two] {
  if (padding === "same") return padding;
  const amounts = padding === "valid" ? 0 : padding;
  const sides =
    typeof amounts === "number" ? [pair(amounts), pair(amounts)] : Array.isArray(amounts) ? amounts.map(pair) : [];
  const whole = (n: unknown) => Number.isInteger(n) && (n as number) >= 0;
  if (sides.length !== 2 || !sides.every((side) => side.length === 2 && side.every(whole)))
    throw refuse(
      `padding: expected "valid", "same", a whole number of 0 or more, [vertical, horizontal] or ` +
        `[[top, bottom], [left, right]], got ${JSON.stringify(padding)}`,
    );
  return sides as [Two, Two];
}

const extentOf = (kernel: Two, dilation: Two): Two => both((i) => (kernel[i] - 1) * dilation[i] + 1);

/** The places of a window over an image; refused where there is none. */
export function windowOver(
  size: Two,
  kernel: Two,
  { stride = 1, padding = "valid", dilation = 1 }: WindowOptions,
  refuse: Refuse,
): Geometry {
  const step = wholePair("stride", stride, 1, refuse);
  const spacing = wholePair("dilation", dilation, 1, refuse);
  const extent = extentOf(kernel, spacing);
  const sides = paddingOf(padding, refuse);
  if (sides === "same") {
    const count = both((i) => Math.ceil(size[i] / step[i]));
    const total = both((i) => Math.max((count[i] - 1) * step[i] + extent[i] - size[i], 0));
    return { size, kernel, stride: step, dilation: spacing, before: both((i) => Math.floor(total[i] / 2)), count };
  }
  const padded = both((i) => size[i] + sides[i][0] + sides[i][1]);
  if (extent[0] > padded[0] || extent[1] > padded[1])
    throw refuse(
      `a window of ${extent.join("×")} does not fit into the padded image of ${padded.join("×")}; pad more, or ` +
        "take a smaller kernel or dilation",
    );
  const count = both((i) => Math.floor((padded[i] - extent[i]) / step[i]) + 1);
  return { size, kernel, stride: step, dilation: spacing, before: both((i) => sides[i][0]), count };
}

/** The image over which a window has `count` places: the size that a transposed convolution gives. */
export function windowFrom(
  count: Two,
  kernel: Two,
  { stride = 1, padding = "valid", dilation = 1, outputPadding = 0 }: WindowOptions & { readonly outputPadding?: Pair },
  refuse: Refuse,
): Geometry {
  const step = wholePair("stride", stride, 1, refuse);
  const spacing = wholePair("dilation", dilation, 1, refuse);
  const extra = wholePair("outputPadding", outputPadding, 0, refuse);
  const extent = extentOf(kernel, spacing);
  const sides = paddingOf(padding, refuse);
  if (sides === "same") {
    if (extra.some((n) => n > 0))
      throw refuse(`outputPadding: padding "same" gives size × stride, which leaves none to choose, got [${extra}]`);
    const before = both((i) => Math.floor(Math.max(extent[i] - step[i], 0) / 2));
    return { size: both((i) => count[i] * step[i]), kernel, stride: step, dilation: spacing, before, count };
  }
  if (extra.some((n, i) => n >= step[i]!))
    throw refuse(`outputPadding: expected less than the stride [${step}], got [${extra}]`);
  const size = both((i) => (count[i] - 1) * step[i] + extent[i] - sides[i][0] - sides[i][1] + extra[i]);
  if (size.some((n) => n < 1)) throw refuse(`padding: ${JSON.stringify(padding)} leaves an image of ${size.join("×")}`);
  return { size, kernel, stride: step, dilation: spacing, before: both((i) => sides[i][0]), count };
}
