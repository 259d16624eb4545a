import { apply, type Emitter, type Operator, type Tensor } from "../tensor.ts";
import { reshape } from "./structure.ts";
import type { Geometry } from "./window.ts";

/*
 * The patches of images under a moving window, and their adjoint, which adds patches up to images: each is the other's
 * gradient. Both are gathers by a constant index, hence the same in float32 and float64. What a gather costs is the
 * number of its copies, so these are made long: of all channels; of several neighbouring pixels, where the stride lets
 * patches begin at every so many alone; of the batch, where both are short (docs/dev/performance.md).
 *
 * Every Pad here gives amounts for all axes: ONNX Runtime 1.30 loses the input that names the axes when it moves a
 * Transpose across a Pad.
 */

/** Fewer numbers than this are not worth a copy of their own. */
const shortestCopy = 4;

const geometryOf = (node: Tensor): Geometry => node.attributes as Geometry;

/** The channels of the images and of their patches. */
const patchSize = ({ kernel }: Geometry, channels: number): number => kernel[0] * kernel[1] * channels;

export const patchesOperator: Operator = {
  name: "patches",
  infer([x], attributes) {
    const [batch, height, width, channels] = x!.shape;
    const geometry = attributes as Geometry;
    if (x!.dtype !== "float" || x!.shape.length !== 4 || typeof channels !== "number")
      throw "expected images (batch, height, width, channels) of floats";
    if (height !== geometry.size[0] || width !== geometry.size[1])
      throw `expected images of ${geometry.size.join("×")}, got ${height}×${width}`;
    return { shape: [batch!, ...geometry.count, patchSize(geometry, channels)], dtype: "float" };
  },
  gradient: (node, dy) => [unpatches(dy, geometryOf(node))],
  lower(node, emit) {
    const geometry = geometryOf(node);
    const channels = node.inputs[0]!.shape[3] as number;
    const x = emit.value(node.inputs[0]!);
    const fill = node.attributes.fill as number;
    const block = blockOf(geometry);
    const gathered =
      block * channels < shortestCopy
        ? gatherElements(x, geometry, channels, fill, emit)
        : gatherBlocks(x, geometry, channels, fill, block, emit);
    return emit.node("Reshape", [gathered, emit.ints([-1, ...(node.shape.slice(1) as number[])])]);
  },
};

/**
 * How many neighbouring pixels of a row can be copied at once: patches begin, and end, at multiples of so many only.
 * A window shifted to the right, which no user can ask for, has single ones.
 */
function blockOf({ kernel, stride, dilation, before }: Geometry): number {
  return dilation[1] === 1 && before[1] >= 0 ? greatestCommonDivisor(stride[1], kernel[1]) : 1;
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** f at every element of every patch (or every so many of a row), in the patches' order. */
function eachElement(
  { kernel, count }: Geometry,
  block: number,
  f: (oy: number, ox: number, ky: number, kx: number) => void,
): void {
  for (let oy = 0; oy < count[0]; oy++)
    for (let ox = 0; ox < count[1]; ox++)
      for (let ky = 0; ky < kernel[0]; ky++) for (let kx = 0; kx < kernel[1]; kx += block) f(oy, ox, ky, kx);
}

/** Patches gathered block by block from the padded image. */
function gatherBlocks(
  x: string,
  geometry: Geometry,
  channels: number,
  fill: number,
  block: number,
  emit: Emitter,
): string {
  const { size, kernel, stride, dilation, before, count } = geometry;
  const [top, left] = [Math.max(before[0], 0), Math.max(before[1], 0)];
  const beyond = (axis: 0 | 1) =>
    Math.max((count[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - before[axis] - size[axis], 0);
  const bottom = beyond(0);
  const width = Math.ceil((left + size[1] + beyond(1)) / block) * block;
  const right = width - left - size[1];
  const amounts = [0, top, left, 0, 0, bottom, right, 0];
  const padded = amounts.some((n) => n > 0) ? emit.node("Pad", [x, emit.ints(amounts), emit.scalar(fill)]) : x;
  const index: number[] = [];
  eachElement(geometry, block, (oy, ox, ky, kx) => {
    const row = oy * stride[0] + ky * dilation[0] - before[0] + top;
    const column = ox * stride[1] + kx * dilation[1] - before[1] + left;
    index.push((row * width + column) / block);
  });
  const blocks = emit.ints([-1, ((top + size[0] + bottom) * width) / block, block * channels]);
  return emit.node("Gather", [emit.node("Reshape", [padded, blocks]), emit.ints(index)], { axis: { int: 1 } });
}

/** Patches gathered element by element, each for the whole batch. */
function gatherElements(x: string, geometry: Geometry, channels: number, fill: number, emit: Emitter): string {
  const { size, stride, dilation, before } = geometry;
  const elements = size[0] * size[1] * channels;
  const index: number[] = [];
  eachElement(geometry, 1, (oy, ox, ky, kx) => {
    const row = oy * stride[0] + ky * dilation[0] - before[0];
    const column = ox * stride[1] + kx * dilation[1] - before[1];
    const inside = row >= 0 && row < size[0] && column >= 0 && column < size[1];
    for (let channel = 0; channel < channels; channel++)
      index.push(inside ? (row * size[1] + column) * channels + channel : elements);
  });
  return batchLast(x, elements, emit, (transposed) => {
    const padded = emit.node("Pad", [transposed, emit.ints([0, 0, 1, 0]), emit.scalar(fill)]);
    return emit.node("Gather", [padded, emit.ints(index)], { axis: { int: 0 } });
  });
}

/** f of x (batch, elements) as (elements, batch), turned back. */
function batchLast(x: string, elements: number, emit: Emitter, f: (transposed: string) => string): string {
  const turn = (matrix: string) => emit.node("Transpose", [matrix], { perm: { ints: [1, 0] } });
  return turn(f(turn(emit.node("Reshape", [x, emit.ints([-1, elements])]))));
}

export const unpatchesOperator: Operator = {
  name: "unpatches",
  infer([x], attributes) {
    const [batch, rows, columns, elements] = x!.shape;
    const geometry = attributes as Geometry;
    const channels = typeof elements === "number" ? elements / patchSize(geometry, 1) : Number.NaN;
    if (x!.dtype !== "float" || x!.shape.length !== 4 || !Number.isInteger(channels))
      throw `expected patches (batch, rows, columns, ${geometry.kernel.join("·")}·channels) of floats`;
    if (rows !== geometry.count[0] || columns !== geometry.count[1])
      throw `expected ${geometry.count.join("×")} patches, got ${rows}×${columns}`;
    return { shape: [batch!, ...geometry.size, channels], dtype: "float" };
  },
  gradient: (node, dy) => [patches(dy, geometryOf(node))],
  lower(node, emit) {
    const geometry = geometryOf(node);
    const [height, width, channels] = node.shape.slice(1) as [number, number, number];
    const x = emit.value(node.inputs[0]!);
    const block = blockOf(geometry);
    if (block * channels < shortestCopy) {
      const summed = addElements(x, geometry, channels, emit);
      return emit.node("Reshape", [summed, emit.ints([-1, height, width, channels])]);
    }
    const first = Math.floor(geometry.before[1] / block); // the block of the padded image in which a row begins
    const blocks = Math.ceil((geometry.before[1] + width) / block) - first;
    const summed = addBlocks(x, geometry, channels, { block, first, blocks }, emit);
    const rows = emit.node("Reshape", [summed, emit.ints([-1, height, blocks * block, channels])]);
    if (blocks * block === width) return rows;
    const start = geometry.before[1] - first * block;
    return emit.node("Slice", [rows, emit.ints([start]), emit.ints([start + width]), emit.ints([2])]);
  },
};

/** The places [o, k] of a window along an axis whose element k, of those at multiples of `block`, lies at a position. */
function hits({ kernel, stride, dilation, count }: Geometry, axis: 0 | 1, position: number, block: number) {
  const found: (readonly [o: number, k: number])[] = [];
  for (let k = 0; k < kernel[axis]; k += block) {
    const o = (position - k * dilation[axis]) / stride[axis];
    if (Number.isInteger(o) && o >= 0 && o < count[axis]) found.push([o, k]);
  }
  return found;
}

type Hits = ReturnType<typeof hits>;
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/**
 * For the 1st, 2nd, … patch that covers them, what to add to the pixels of an image, in rows of the given hits: f of the
 * hit, or −1 where fewer cover a pixel.
 */
function layers(rows: readonly Hits[], columns: readonly Hits[], f: (y: Hits[number], x: Hits[number]) => number) {
  const most = (all: readonly Hits[]) => Math.max(1, ...all.map(({ length }) => length));
  return range(most(rows)).flatMap((i) =>
    range(most(columns)).map((j) =>
      rows.flatMap((row) =>
        columns.map((column) => {
          const [y, x] = [row[i], column[j]];
          return y && x ? f(y, x) : -1;
        }),
      ),
    ),
  );
}

/** Gathers along axis 0 of a matrix, or 1 of a batch of them, by each index and adds up; −1 gives 0. */
function addGathered(x: string, indices: readonly number[][], size: number, axis: number, emit: Emitter): string {
  const gaps = indices.some((index) => index.includes(-1));
  const source = gaps ? emit.node("Pad", [x, emit.ints(axis === 0 ? [0, 0, 1, 0] : [0, 0, 0, 0, 1, 0])]) : x;
  return indices
    .map((index) => emit.ints(index.map((i) => (i < 0 ? size : i))))
    .map((index) => emit.node("Gather", [source, index], { axis: { int: axis } }))
    .reduce((sum, term) => emit.node("Add", [sum, term]));
}

interface Blocks {
  readonly block: number;
  readonly first: number;
  readonly blocks: number;
}

function addBlocks(x: string, geometry: Geometry, channels: number, { block, first, blocks }: Blocks, emit: Emitter) {
  const { size, kernel, before, count } = geometry;
  const rows = range(size[0]).map((y) => hits(geometry, 0, y + before[0], 1));
  const columns = range(blocks).map((i) => hits(geometry, 1, (first + i) * block, block));
  const indices = layers(
    rows,
    columns,
    ([oy, ky], [ox, kx]) => (((oy * count[1] + ox) * kernel[0] + ky) * kernel[1] + kx) / block,
  );
  const total = (count[0] * count[1] * kernel[0] * kernel[1]) / block;
  const source = emit.node("Reshape", [x, emit.ints([-1, total, block * channels])]);
  return addGathered(source, indices, total, 1, emit);
}

function addElements(x: string, geometry: Geometry, channels: number, emit: Emitter): string {
  const { size, kernel, before, count } = geometry;
  const [rows, columns] = ([0, 1] as const).map((axis) =>
    range(size[axis]).map((place) => hits(geometry, axis, place + before[axis], 1)),
  ) as [Hits[], Hits[]];
  const pixels = layers(
    rows,
    columns,
    ([oy, ky], [ox, kx]) => ((oy * count[1] + ox) * kernel[0] + ky) * kernel[1] + kx,
  );
  const indices = pixels.map((index) =>
    index.flatMap((pixel) => range(channels).map((channel) => (pixel < 0 ? -1 : pixel * channels + channel))),
  );
  const total = count[0] * count[1] * patchSize(geometry, channels);
  return batchLast(x, total, emit, (transposed) => addGathered(transposed, indices, total, 0, emit));
}

/** Whether the patches hold the image's elements in the image's order: single pixels, or one patch of all. */
function isReshape({ size, kernel, stride, dilation, before, count }: Geometry): boolean {
  const single = (axis: 0 | 1) => kernel[axis] === 1 && stride[axis] === 1 && count[axis] === size[axis];
  const whole = (axis: 0 | 1) => kernel[axis] === size[axis] && dilation[axis] === 1 && count[axis] === 1;
  const ordered = single(0) || (whole(0) && (whole(1) || size[1] === 1));
  return before.every((n) => n === 0) && ordered && (single(1) || whole(1));
}

/**
 * What a window sees of images at each of its places, (batch, height, width, channels) →
 * (batch, rows, columns, kernel height·kernel width·channels); `fill` outside of the images.
 */
export function patches(x: Tensor, geometry: Geometry, fill = 0): Tensor {
  const { kernel, count } = geometry;
  if (isReshape(geometry)) return reshape(x, [x.shape[0]!, ...count, kernel[0] * kernel[1] * (x.shape[3] as number)]);
  return apply(patchesOperator, [x], { ...geometry, fill });
}

/** The adjoint of patches: every patch added to the images where it was taken, (batch, rows, columns, …) → images. */
export function unpatches(x: Tensor, geometry: Geometry): Tensor {
  if (isReshape(geometry))
    return reshape(x, [x.shape[0]!, ...geometry.size, (x.shape[3] as number) / patchSize(geometry, 1)]);
  return apply(unpatchesOperator, [x], { ...geometry });
}
