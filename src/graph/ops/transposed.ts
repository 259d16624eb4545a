import { foldAxes } from "../shape.ts";
import { constant, type Tensor } from "../tensor.ts";
import { concat } from "./join.ts";
import { matmul } from "./linear.ts";
import { patches, unpatches } from "./patches.ts";
import { gather } from "./select.ts";
import { reshape, transpose } from "./structure.ts";
import type { Geometry } from "./window.ts";

/* How the adjoint of a convolution is computed, by operators that there are. */

/** (batch, rows, columns, features) → (batch·rows·columns, features). */
export const flat = (x: Tensor): Tensor => reshape(x, [foldAxes(x.shape.slice(0, -1))!, x.shape.at(-1)!]);

/** (kernel height, kernel width, a, b) → (kernel height·kernel width·a, b): what patches, or patches' gradient, take. */
export const matrix = (weight: Tensor): Tensor =>
  reshape(weight, [foldAxes(weight.shape.slice(0, 3))!, weight.shape[3]!]);

/** The adjoint of the convolution of that geometry: x (batch, rows, columns, channels), weight (…, outputs, channels). */
export function adjoint(x: Tensor, weight: Tensor, geometry: Geometry): Tensor {
  const channels = weight.shape[3] as number;
  const parts = phaseParts(geometry);
  const gathered = parts.reduce((sum, { window }) => sum + product([...window.count, ...window.kernel, channels]), 0);
  const multiplied = product([...geometry.count, ...(weight.shape.slice(0, 3) as number[])]);
  // To gather what each pixel of the result needs reads x several times over; to add patches up is as many numbers again,
  // and about twice as dear. A narrow result, as of a decoder's last layer, is cheaper to add up.
  if (parts.length > 0 && gathered <= 2 * multiplied) return byPhases(x, weight, geometry, parts);
  const rows = matmul(flat(x), matrix(weight), { transposeB: true });
  return unpatches(reshape(rows, [...x.shape.slice(0, 3), rows.shape[1]!]), geometry);
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Phases from…to−1 of a result, along one axis: its positions of those remainders by the stride have as many taps. */
interface Phases {
  readonly from: number;
  readonly to: number;
  readonly taps: number;
}

/** The phases along an axis, by their number of taps; none where they are not worth it, or have no simple form. */
function phasesOf({ kernel, stride, dilation }: Geometry, axis: 0 | 1): Phases[] {
  const [k, s] = [kernel[axis], stride[axis]];
  if (s === 1) return [{ from: 0, to: 1, taps: k }];
  if (dilation[axis] > 1 || k < s) return [];
  const rest = k % s;
  return [
    { from: 0, to: rest, taps: Math.ceil(k / s) },
    { from: rest, to: s, taps: Math.floor(k / s) },
  ].filter(({ from, to }) => to > from);
}

interface PhasePart {
  readonly phases: readonly [Phases, Phases];
  /** How the pixels of x that the phases need lie: one patch for every stride×stride block of the result. */
  readonly window: Geometry;
}

/** The first block of stride×stride pixels, counted from the padding's edge, that the result reaches into. */
const firstBlock = ({ before, stride }: Geometry, axis: 0 | 1): number => Math.floor(before[axis] / stride[axis]);

function phaseParts(geometry: Geometry): PhasePart[] {
  const { size, kernel, stride, dilation, before, count } = geometry;
  if (kernel[0] <= stride[0] && kernel[1] <= stride[1]) return []; // no two patches overlap: there is nothing to add
  const both = (f: (axis: 0 | 1) => number) => [f(0), f(1)] as const;
  const blocks = both((axis) => Math.ceil((before[axis] + size[axis]) / stride[axis]) - firstBlock(geometry, axis));
  return phasesOf(geometry, 0).flatMap((rows) =>
    phasesOf(geometry, 1).map((columns) => {
      const taps = [rows.taps, columns.taps] as const;
      const spacing = both((axis) => (stride[axis] === 1 ? dilation[axis] : 1));
      const window: Geometry = {
        size: count,
        kernel: taps,
        stride: [1, 1],
        dilation: spacing,
        before: both((axis) => (taps[axis] - 1) * spacing[axis] - firstBlock(geometry, axis)),
        count: blocks,
      };
      return { phases: [rows, columns], window };
    }),
  );
}

/**
 * The transposed convolution as products that multiply no zeros between the pixels of x: the result's pixels of one
 * remainder by the stride see the same taps of the kernel. Those of all remainders that have as many taps come of one
 * product; a gather puts them in their places.
 */
function byPhases(x: Tensor, weight: Tensor, geometry: Geometry, parts: readonly PhasePart[]): Tensor {
  const { size, kernel, stride, before } = geometry;
  const [outputs, channels] = weight.shape.slice(2) as [number, number];
  const taps = reshape(weight, [kernel[0] * kernel[1], outputs, channels]);
  const places = new Map<string, (by: number, bx: number) => number>();
  let start = 0;
  const pixels = parts.map(({ phases: [rows, columns], window }) => {
    const [height, width] = [rows.to - rows.from, columns.to - columns.from];
    // Element j of a patch is tap taps − 1 − j of a phase: a convolution sees its image the other way round.
    const index = range(0, rows.taps).flatMap((jy) =>
      range(0, columns.taps).flatMap((jx) =>
        range(rows.from, rows.to).flatMap((qy) =>
          range(columns.from, columns.to).map((qx) => {
            const ky = (rows.taps - 1 - jy) * stride[0] + qy;
            const kx = (columns.taps - 1 - jx) * stride[1] + qx;
            return ky * kernel[1] + kx;
          }),
        ),
      ),
    );
    const chosen = gather(taps, constant(index, [index.length], "int")); // (taps·phases, outputs, channels)
    const features = height * width * outputs;
    const byTap = transpose(reshape(chosen, [rows.taps * columns.taps, features, channels]), [0, 2, 1]);
    const result = matmul(flat(patches(x, window)), reshape(byTap, [rows.taps * columns.taps * channels, features]));
    const [offset, across] = [start, window.count[1]];
    for (const qy of range(rows.from, rows.to))
      for (const qx of range(columns.from, columns.to))
        places.set(
          `${qy},${qx}`,
          (by, bx) => offset + ((by * across + bx) * height + qy - rows.from) * width + qx - columns.from,
        );
    const count = product([...window.count, height, width]);
    start += count;
    return reshape(result, [x.shape[0]!, count, outputs]);
  });
  const all = concat(pixels, 1);
  const images = [x.shape[0]!, ...size, outputs];
  if (stride[0] === 1 && stride[1] === 1) return reshape(all, images);
  const index = range(before[0], before[0] + size[0]).flatMap((y) =>
    range(before[1], before[1] + size[1]).map((x) => {
      const [by, bx] = [Math.floor(y / stride[0]), Math.floor(x / stride[1])];
      const place = places.get(`${y % stride[0]},${x % stride[1]}`)!;
      return place(by - firstBlock(geometry, 0), bx - firstBlock(geometry, 1));
    }),
  );
  return reshape(gather(all, constant(index, [index.length], "int"), 1), images);
}
