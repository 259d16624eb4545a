import { type Dim, times } from "../shape.ts";
import { apply, constant, type Operator, type Tensor } from "../tensor.ts";
import { add } from "./arithmetic.ts";
import { pad, slice } from "./join.ts";
import { matmul } from "./linear.ts";
import { reshape, transpose } from "./structure.ts";
import type { Geometry } from "./window.ts";

/*
 * Convolutions of 3×3 windows by minimal filtering, F(2×2, 3×3) of Winograd (Lavin & Gray 2016, section 4.1): of each
 * tile of 4×4 pixels, 2 apart, come 2×2 results with 16 multiplications for a pair of channels instead of 36,
 *
 *   Y = Aᵀ[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]A,   summed over the channels between the brackets.
 *
 * A two-sided product with a small matrix is one product with its Kronecker square; the position within a tile is the
 * leading axis, so that each of these is one matrix product with a constant, and the sum over the channels is 16 products
 * of all tiles at once. The gradient of the weight is as many: its transform is that of the tiles and of the results.
 */

type Matrix = readonly (readonly number[])[];

// Equation 7 of the paper.
const inputTransform: Matrix = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
];
const kernelTransform: Matrix = [
  [1, 0, 0],
  [0.5, 0.5, 0.5],
  [0.5, -0.5, 0.5],
  [0, 0, 1],
];
const resultTransform: Matrix = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
];

/** The Kronecker product of a matrix with itself: it does to rows and columns what the matrix does to one of them. */
function squared(m: Matrix): Tensor {
  const values = m.flatMap((rows) => m.flatMap((columns) => rows.flatMap((a) => columns.map((b) => a * b))));
  return constant(values, [m.length ** 2, m[0]!.length ** 2]);
}

/** The kernel turned by half a turn, as the adjoint of a convolution has it. */
const turned = (m: Matrix): Matrix => m.map((row) => row.toReversed());

/** Pixels from one tile to the next, and along a tile. */
const step = 2;
const side = 4;

/** Fewer channels than this are no work to save. */
const fewestChannels = 16;

/** Whether a convolution between so many channels is computed so: a planner's rule (docs/dev/performance.md). */
export function suitsTiles(
  { size, kernel, stride, dilation, before, count }: Geometry,
  ...channels: number[]
): boolean {
  const along = (axis: 0 | 1) => {
    const after = count[axis] + 2 - before[axis] - size[axis];
    const sides = [before[axis], after]; // beyond 2 zeros, the adjoint would leave pixels out instead of padding
    return kernel[axis] === 3 && stride[axis] === 1 && dilation[axis] === 1 && sides.every((n) => n >= 0 && n <= 2);
  };
  return along(0) && along(1) && Math.min(...channels) >= fewestChannels;
}

const tilesAlong = ({ count }: Geometry, axis: 0 | 1): number => Math.ceil(count[axis] / step);

/** (batch, height, width, channels) → (16, batch·tiles, channels): the 4×4 tiles, 2 apart, with zeros outside of the images. */
export const tilesOperator: Operator = {
  name: "tiles",
  infer([x], attributes) {
    const geometry = attributes as Geometry;
    const [batch, height, width, channels] = x!.shape;
    if (x!.dtype !== "float" || x!.shape.length !== 4 || typeof channels !== "number")
      throw "expected images (batch, height, width, channels) of floats";
    if (height !== geometry.size[0] || width !== geometry.size[1])
      throw `expected images of ${geometry.size.join("×")}, got ${height}×${width}`;
    const tiles = tilesAlong(geometry, 0) * tilesAlong(geometry, 1);
    return { shape: [side ** 2, times(batch!, tiles), channels], dtype: "float" };
  },
  gradient: (node, dy) => [untiles(dy, node.attributes as Geometry, node.inputs[0]!.shape)],
  lower(node, emit) {
    const geometry = node.attributes as Geometry;
    const { size, before } = geometry;
    const channels = node.shape[2] as number;
    const [down, across] = [tilesAlong(geometry, 0), tilesAlong(geometry, 1)];
    const [height, width] = [step * (down + 1), step * (across + 1)]; // with the zeros around
    const [top, left] = before;
    const amounts = [0, top, left, 0, 0, height - top - size[0], width - left - size[1], 0];
    const x = emit.value(node.inputs[0]!);
    const padded = amounts.some((n) => n > 0) ? emit.node("Pad", [x, emit.ints(amounts), emit.scalar(0)]) : x;
    const pixels = emit.node("Reshape", [padded, emit.ints([-1, channels])]);
    const index: number[] = [];
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++)
        for (let y = 0; y < down; y++)
          for (let z = 0; z < across; z++) index.push((step * y + i) * width + step * z + j);
    const within = emit.node("Reshape", [emit.ints(index), emit.ints([side ** 2, 1, down * across])]);
    const batch = emit.node("Gather", [emit.node("Shape", [x]), emit.intScalar(0)], { axis: { int: 0 } });
    const images = emit.node("Range", [emit.intScalar(0), batch, emit.intScalar(1)]);
    const starts = emit.node("Mul", [images, emit.intScalar(height * width)]);
    const rows = emit.node("Add", [within, emit.node("Reshape", [starts, emit.ints([1, -1, 1])])]);
    const gathered = emit.node("Gather", [pixels, rows], { axis: { int: 0 } });
    return emit.node("Reshape", [gathered, emit.ints([side ** 2, -1, channels])]);
  },
};

/** The tiles of images at the places of a window. */
const tilesOf = (x: Tensor, geometry: Geometry): Tensor => apply(tilesOperator, [x], { ...geometry });

/** The adjoint of tilesOf: every tile added to the images where it was taken. */
function untiles(tiles: Tensor, geometry: Geometry, images: readonly Dim[]): Tensor {
  const [batch, height, width, channels] = images as [Dim, number, number, number];
  const [down, across] = [tilesAlong(geometry, 0), tilesAlong(geometry, 1)];
  const [top, left] = geometry.before;
  // A tile's rows are two pairs; the upper pairs of all tiles lie side by side without a gap, and so do the lower ones.
  const cut = reshape(tiles, [2, step, 2, step, batch, down, across, channels]);
  const pairs = [0, 1].flatMap((lower) =>
    [0, 1].map((right) => {
      const pair = slice(slice(cut, 0, lower, lower + 1), 2, right, right + 1);
      const ordered = transpose(reshape(pair, [step, step, batch, down, across, channels]), [2, 3, 0, 4, 1, 5]);
      const joined = reshape(ordered, [batch, step * down, step * across, channels]);
      return pad(pad(joined, 1, step * lower, step * (1 - lower)), 2, step * right, step * (1 - right));
    }),
  );
  return slice(slice(pairs.reduce(add), 1, top, top + height), 2, left, left + width);
}

/** A constant matrix times the leading axis. */
function transformed(matrix: Tensor, x: Tensor): Tensor {
  const [positions, rows, features] = x.shape as [number, Dim, number];
  const flat = reshape(x, [positions, times(rows, features)]);
  return reshape(matmul(matrix, flat), [matrix.shape[0]!, rows, features]);
}

/** (4, batch·tiles, features), the 2×2 results of each tile, → (batch, rows, columns, features). */
function placed(results: Tensor, geometry: Geometry, batch: Dim): Tensor {
  const features = results.shape[2]!;
  const [down, across] = [tilesAlong(geometry, 0), tilesAlong(geometry, 1)];
  const cut = reshape(results, [step, step, batch, down, across, features]);
  const joined = reshape(transpose(cut, [2, 3, 0, 4, 1, 5]), [batch, step * down, step * across, features]);
  return slice(slice(joined, 1, 0, geometry.count[0]), 2, 0, geometry.count[1]);
}

/** The adjoint of placed. */
function cutUp(y: Tensor, geometry: Geometry): Tensor {
  const [batch, rows, columns, features] = y.shape as [Dim, number, number, number];
  const [down, across] = [tilesAlong(geometry, 0), tilesAlong(geometry, 1)];
  const whole = pad(pad(y, 1, 0, step * down - rows), 2, 0, step * across - columns);
  const cut = transpose(reshape(whole, [batch, down, step, across, step, features]), [2, 4, 0, 1, 3, 5]);
  return reshape(cut, [step * step, times(batch, down * across), features]);
}

/** The tiles of x as the products take them, (16, batch·tiles, channels). The gradient of the weight needs them as well. */
export const transformedTiles = (x: Tensor, geometry: Geometry): Tensor =>
  transformed(squared(inputTransform), tilesOf(x, geometry));

/** The convolution of images whose transformed tiles are given. */
export function convolutionOfTiles(tiles: Tensor, weight: Tensor, geometry: Geometry, batch: Dim): Tensor {
  const [channels, outputs] = weight.shape.slice(2) as [number, number];
  const kernels = transformed(squared(kernelTransform), reshape(weight, [9, channels, outputs]));
  return placed(transformed(squared(resultTransform), matmul(tiles, kernels)), geometry, batch);
}

/** The adjoint of the convolution of that geometry: a convolution with the kernel turned round. */
export function adjointByTiles(y: Tensor, weight: Tensor, geometry: Geometry): Tensor {
  const { size, before, count } = geometry;
  const [channels, outputs] = weight.shape.slice(2) as [number, number];
  const own: Geometry = { ...geometry, size: count, before: [2 - before[0], 2 - before[1]], count: size };
  const kernels = transformed(squared(turned(kernelTransform)), reshape(weight, [9, channels, outputs]));
  const products = matmul(transformedTiles(y, own), kernels, { transposeB: true });
  return placed(transformed(squared(resultTransform), products), own, y.shape[0]!);
}

/** The gradient of the weight, of the transformed tiles of x and the gradient of the results. */
export function weightGradientOfTiles(tiles: Tensor, dy: Tensor, weight: Tensor, geometry: Geometry): Tensor {
  const results = transformed(transpose(squared(resultTransform)), cutUp(dy, geometry));
  const kernels = matmul(tiles, results, { transposeA: true }); // (16, channels, outputs)
  return reshape(transformed(transpose(squared(kernelTransform)), kernels), weight.shape);
}
