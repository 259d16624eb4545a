import { add, mul } from "../graph/ops/arithmetic.ts";
import { concat } from "../graph/ops/join.ts";
import { reshape } from "../graph/ops/structure.ts";
import type { Dim } from "../graph/shape.ts";
import { constant, type Tensor } from "../graph/tensor.ts";
import type { Layer } from "./dense.ts";
import { type DecoderNetwork, withValues } from "./networks.ts";
import { type Scope, zeros } from "./parameters.ts";

/* What networks of images have in common: maps, channels last, and the head that makes an image of one. */

export type Two = readonly [number, number];

export interface FeatureMap {
  readonly size: Two;
  readonly channels: number;
}

export const both = <T>(f: (axis: 0 | 1) => T): readonly [T, T] => [f(0), f(1)];

/** Height, width and channels of an image (height, width) or (height, width, channels). */
export function imageOf([height, width, channels = 1]: readonly number[]): FeatureMap {
  return { size: [height!, width!], channels };
}

export const sizeOf = ({ size, channels }: FeatureMap): number => size[0] * size[1] * channels;

/** A series (length) or (length, channels), as an image of one row. */
export function seriesOf([length, channels = 1]: readonly number[]): FeatureMap {
  return { size: [1, length!], channels };
}

/** (rows, ...) → (rows, height, width, channels). */
export const imagesOf = (x: Tensor, { size, channels }: FeatureMap): Tensor =>
  reshape(x, [x.shape[0]!, ...size, channels]);

/**
 * Images with a condition beside them: (rows, height, width, channels) → (rows, height, width, channels + condition). Each
 * number of the condition is a channel that is the same at every pixel, since a window sees what lies at its place alone;
 * so every convolution, the first one too, can look for other things under other conditions.
 * @param condition (rows, condition)
 */
export function besideImages(images: Tensor, condition: Tensor | undefined): Tensor {
  if (!condition) return images;
  const [rows, height, width] = images.shape as readonly [Dim, number, number, number];
  const ones = constant(new Float64Array(height * width).fill(1), [height, width, 1]);
  return concat([images, mul(reshape(condition, [rows, 1, 1, condition.shape[1]!]), ones)], 3);
}

/**
 * A decoder's last layer.
 * @param layerAt declares the layer, without a bias, from the map to so many channels
 *
 * A head's bias is one number for each pixel, not for each channel: only so can a decoder start at the data's mean.
 */
export function imageHead(
  image: FeatureMap,
  map: FeatureMap,
  layerAt: (at: Scope, channels: number) => Layer,
): DecoderNetwork["head"] {
  return (at, { values = 1, joint = 0, bias = zeros } = {}) => {
    const channels = (joint === 0 ? image.channels : 1) * values;
    const size = sizeOf({ ...image, channels });
    const layer = layerAt(at, channels);
    const offset = at.parameter("bias", [size], bias);
    return (h, shape) => {
      const y = reshape(layer(imagesOf(h, map)), [h.shape[0]!, size]); // a long last axis: adding is fast so
      return reshape(add(y, offset), withValues(shape, values, joint));
    };
  };
}
