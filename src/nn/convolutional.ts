import { add } from "../graph/ops/arithmetic.ts";
import { reshape } from "../graph/ops/structure.ts";
import type { Pair } from "../graph/ops/window.ts";
import { staticSize } from "../graph/shape.ts";
import { labelled, type Tensor } from "../graph/tensor.ts";
import { conv, convTranspose } from "./conv.ts";
import { type Activation, activated, activations, dense, type Initialization, mlp } from "./dense.ts";
import { type DecoderNetwork, type EncoderNetwork, headInitialization, withValues } from "./networks.ts";
import { type Scope, zeros } from "./parameters.ts";

/*
 * Convolutional networks in the way of DCGAN (Radford et al. 2016) and of Burgess et al. (2018): convolutions with a
 * stride, then dense layers; and the mirror of that. Images are (rows, height, width) or (rows, height, width, channels).
 */

export interface ConvLayer {
  /** Of the smaller map. */
  readonly channels: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  /** Zeros on each side of the larger map; "same" for as many as make the smaller one ⌈size/stride⌉. */
  readonly padding: "same" | Pair;
}

export interface ConvNetworkOptions {
  /** In the order in which they are computed. */
  readonly layers: readonly ConvLayer[];
  /** Units of the dense layers. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initialization: Initialization;
}

/** Makes the error that refuses layer `layer` for its `key`. */
export type RefuseLayer = (layer: number, key: "kernel" | "stride" | "padding", problem: string) => Error;

type Two = readonly [number, number];

interface FeatureMap {
  readonly size: Two;
  readonly channels: number;
}

/** A layer between two maps, with the window as `conv` and `convTranspose` take it. */
interface Step {
  readonly larger: FeatureMap;
  readonly smaller: FeatureMap;
  readonly window: {
    readonly kernel: Two;
    readonly stride: Two;
    readonly padding: readonly [Two, Two];
  };
  /** What the transposed convolution adds, so that its result has exactly the larger map's size. */
  readonly outputPadding: Two;
}

const two = (pair: Pair): Two => (typeof pair === "number" ? [pair, pair] : pair);
const both = <T>(f: (axis: 0 | 1) => T): readonly [T, T] => [f(0), f(1)];

/** Height, width and channels of an image; undefined for an event that is none. */
function imageOf(event: readonly number[]): FeatureMap | undefined {
  const [height, width, channels = 1] = event;
  if (height === undefined || width === undefined || event.length > 3) return undefined;
  return { size: [height, width], channels };
}

/** The maps between an image and the smallest one, from the image on. */
function stepsFrom(image: FeatureMap, layers: readonly ConvLayer[], refuse: RefuseLayer): Step[] {
  const steps: Step[] = [];
  for (const [i, { channels, padding, ...given }] of layers.entries()) {
    const larger = steps.at(-1)?.smaller ?? image;
    const { size } = larger;
    const [kernel, stride] = [two(given.kernel), two(given.stride)];
    const shape = size.join("×");
    if (stride.some((s, axis) => s > size[axis]!))
      throw refuse(i, "stride", `${stride.join("×")} leaves nothing of a map of ${shape}`);
    const sides =
      padding === "same"
        ? both((axis) => evenly((Math.ceil(size[axis] / stride[axis]) - 1) * stride[axis] + kernel[axis] - size[axis]))
        : both((axis) => two(two(padding)[axis]));
    const padded = both((axis) => size[axis] + sides[axis][0] + sides[axis][1]);
    if (padding === "same" && kernel.some((k, axis) => k > 2 * size[axis]!))
      throw refuse(
        i,
        "kernel",
        `${kernel.join("×")} is more than twice the map of ${shape} and would see mostly zeros`,
      );
    if (kernel.some((k, axis) => k > padded[axis]!))
      throw refuse(i, "kernel", `${kernel.join("×")} does not fit the map of ${shape}, padded to ${padded.join("×")}`);
    const rest = both((axis) => (padded[axis] - kernel[axis]) % stride[axis]);
    if (rest.some((n, axis) => n > sides[axis]![1]))
      throw refuse(i, "padding", `${sides.map(([n]) => n).join("×")} leaves the last pixels of a map of ${shape} out`);
    const count = both((axis) => Math.floor((padded[axis] - kernel[axis]) / stride[axis]) + 1);
    steps.push({
      larger,
      smaller: { size: count, channels },
      window: { kernel, stride, padding: sides },
      outputPadding: rest,
    });
  }
  return steps;
}

/** So many zeros on two sides, an odd one after. */
const evenly = (total: number): Two => [Math.floor(total / 2), Math.ceil(total / 2)];

const sizeOf = ({ size, channels }: FeatureMap): number => size[0] * size[1] * channels;
const imagesOf = (x: Tensor, { size, channels }: FeatureMap): Tensor => reshape(x, [x.shape[0]!, ...size, channels]);

/**
 * Convolutions, then dense layers: (rows, height, width) or (rows, height, width, channels) → (rows, features).
 * Declares `layers.i` and `hidden.i`.
 */
export function convEncoder(
  scope: Scope,
  event: readonly number[],
  { layers, hidden, activation, initialization }: ConvNetworkOptions,
  refuse: RefuseLayer,
): EncoderNetwork {
  const image = imageOf(event)!;
  const steps = stepsFrom(image, layers, refuse);
  const convolutions = steps.map(({ larger, smaller, window }, i) =>
    conv(scope.at(`layers.${i}`), larger.channels, smaller.channels, { ...window, initialization }),
  );
  const maps = activated(scope, "layers", convolutions, activation);
  const flat = sizeOf(steps.at(-1)!.smaller);
  const { layer, features } = mlp(scope, flat, { hidden, activation, initialization });
  return { features, apply: (x) => layer(reshape(maps(imagesOf(x, image)), [x.shape[0]!, flat])) };
}

/**
 * Dense layers, one more to the smallest map, then transposed convolutions, of which the last is the head:
 * (rows, latent) → (rows, features). Declares `hidden.i`, `map` and `layers.i`, but for the last.
 *
 * A head's bias is one number for each pixel, not for each channel: only so can a decoder start at the data's mean.
 */
export function convDecoder(
  scope: Scope,
  latent: number,
  event: readonly number[],
  { layers, hidden, activation, initialization }: ConvNetworkOptions,
  refuse: RefuseLayer,
): DecoderNetwork {
  const last = layers.length - 1;
  // The maps follow from the event: sizes that a stride does not divide come out exactly.
  const steps = stepsFrom(imageOf(event)!, layers.toReversed(), (i, ...what) => refuse(last - i, ...what)).toReversed();
  const { layer, features: width } = mlp(scope, latent, { hidden, activation, initialization });
  const smallest = steps[0]!.smaller;
  const map = dense(scope.at("map"), width, sizeOf(smallest), { initialization });
  const transposed = steps.slice(0, -1).map(({ larger, smaller, window, outputPadding }, i) =>
    convTranspose(scope.at(`layers.${i}`), smaller.channels, larger.channels, {
      ...window,
      outputPadding,
      initialization,
    }),
  );
  const maps = activated(scope, "layers", transposed, activation);
  const { larger, smaller, window, outputPadding } = steps.at(-1)!;
  const features = sizeOf(smaller);
  return {
    features,
    apply(z) {
      const h = labelled(activations[activation](map(layer(z))), scope.path("map"));
      return reshape(maps(imagesOf(h, smallest)), [z.shape[0]!, features]);
    },
    head(at, { values = 1, bias = zeros } = {}) {
      const size = staticSize(event) * values;
      const layer = convTranspose(at, smaller.channels, larger.channels * values, {
        ...window,
        outputPadding,
        initialization: headInitialization,
        bias: false,
      });
      const offset = at.parameter("bias", [size], bias);
      return (h, shape) => {
        const y = reshape(layer(imagesOf(h, smaller)), [h.shape[0]!, size]); // a long last axis: adding is fast so
        return reshape(add(y, offset), withValues(shape, values));
      };
    },
  };
}
