import type { Tensor } from "../tensor.ts";
import { checkOptions, type OptionNames } from "./options.ts";
import { patches } from "./patches.ts";
import { max } from "./reduce.ts";
import { resample } from "./resize.ts";
import { reshape } from "./structure.ts";
import { type Geometry, imageSize, type Padding, type Pair, refusal, wholePair, windowOver } from "./window.ts";

/* Pooling of images with the channels last. */

export interface PoolingOptions {
  /** Default: the window, so that no two overlap. */
  readonly stride?: Pair;
  /** What is padded counts neither as a maximum nor in an average. Less than the window. Default: "valid". */
  readonly padding?: Padding;
}

const poolingOptions: OptionNames<PoolingOptions> = { stride: true, padding: true };

function poolingWindow(name: string, x: Tensor, size: Pair, options: PoolingOptions): Geometry {
  const { stride = size, padding } = options;
  const refuse = refusal(name, [x]);
  checkOptions(options, poolingOptions, refuse);
  const [height, width] = imageSize(x, refuse);
  const kernel = wholePair("size", size, 1, refuse);
  const geometry = windowOver(
    [height, width],
    kernel,
    { stride, ...(padding === undefined ? {} : { padding }) },
    refuse,
  );
  for (const axis of [0, 1] as const)
    for (let place = 0; place < geometry.count[axis]; place++)
      if (seen(geometry, axis, place).length === 0)
        throw refuse(`padding: expected less than the window of ${kernel.join("×")}, for it to see some of the image`);
  return geometry;
}

/** The rows, or columns, of the image that a window sees at a place. */
function seen({ size, kernel, stride, before }: Geometry, axis: 0 | 1, place: number): number[] {
  const start = place * stride[axis] - before[axis];
  return Array.from({ length: kernel[axis] }, (_, k) => start + k).filter((i) => i >= 0 && i < size[axis]);
}

/** Means under a window of the given size, without what is padded: (batch, height, width, channels) → images. */
export function averagePool2d(x: Tensor, size: Pair, options: PoolingOptions = {}): Tensor {
  const geometry = poolingWindow("averagePool2d", x, size, options);
  // The number of pixels that a window sees is that of its rows times that of its columns, so both are averaged in turn.
  const means = (axis: 0 | 1) =>
    Array.from({ length: geometry.count[axis] }, (_, place) => {
      const inside = seen(geometry, axis, place);
      return Array.from({ length: geometry.size[axis] }, (_, i) => (inside.includes(i) ? 1 / inside.length : 0));
    });
  return resample(x, means(0), means(1));
}

/**
 * Maxima under a window of the given size: (batch, height, width, channels) → images. Where several are the largest,
 * the gradient goes to them in equal shares.
 */
export function maxPool2d(x: Tensor, size: Pair, options: PoolingOptions = {}): Tensor {
  const geometry = poolingWindow("maxPool2d", x, size, options);
  const [batch, channels] = [x.shape[0]!, x.shape[3]!];
  const elements = reshape(patches(x, geometry, Number.NEGATIVE_INFINITY), [
    batch,
    ...geometry.count,
    geometry.kernel[0] * geometry.kernel[1],
    channels,
  ]);
  return max(elements, [3]);
}
