import { reshape } from "../graph/ops/structure.ts";
import type { Pair } from "../graph/ops/window.ts";
import { labelled } from "../graph/tensor.ts";
import { conv, convTranspose } from "./conv.ts";
import { activated, dense, type Initialization, mlp, type Nonlinearity, nonlinear } from "./dense.ts";
import {
  besideImages,
  both,
  type FeatureMap,
  imageHead,
  imageOf,
  imagesOf,
  seriesOf,
  sizeOf,
  type Two,
} from "./images.ts";
import { type DecoderNetwork, type EncoderNetwork, headInitialization } from "./networks.ts";
import type { Scope } from "./parameters.ts";

/*
 * Convolutional networks in the way of DCGAN (Radford et al. 2016) and of Burgess et al. (2018): convolutions with a
 * stride, then dense layers; and the mirror of that. Images are (rows, height, width) or (rows, height, width, channels),
 * series (rows, length) or (rows, length, channels): images of one row.
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
  /** The event is a series, (length) or (length, channels), along which windows move. Default: an image. */
  readonly series?: boolean;
  /** Units of the dense layers. */
  readonly hidden: readonly number[];
  readonly activation: Nonlinearity;
  readonly initialization: Initialization;
}

/** Makes the error that refuses layer `layer` for its `key`. */
export type RefuseLayer = (layer: number, key: "kernel" | "stride" | "padding", problem: string) => Error;

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
const mapOf = (event: readonly number[], series: boolean): FeatureMap => (series ? seriesOf : imageOf)(event);

/** The maps between an image and the smallest one, from the image on. */
function stepsFrom(image: FeatureMap, series: boolean, layers: readonly ConvLayer[], refuse: RefuseLayer): Step[] {
  const steps: Step[] = [];
  const along = (pair: Pair, across: 0 | 1): Two => (series ? [across, two(pair)[1]] : two(pair));
  const text = (sides: readonly number[]) => sides.slice(series ? 1 : 0).join("×");
  for (const [i, { channels, padding, ...given }] of layers.entries()) {
    const larger = steps.at(-1)?.smaller ?? image;
    const { size } = larger;
    const [kernel, stride] = [along(given.kernel, 1), along(given.stride, 1)];
    const shape = text(size);
    if (stride.some((s, axis) => s > size[axis]!))
      throw refuse(i, "stride", `${text(stride)} leaves nothing of a map of ${shape}`);
    const sides =
      padding === "same"
        ? both((axis) => evenly((Math.ceil(size[axis] / stride[axis]) - 1) * stride[axis] + kernel[axis] - size[axis]))
        : both((axis) => two(along(padding, 0)[axis]));
    const padded = both((axis) => size[axis] + sides[axis][0] + sides[axis][1]);
    if (padding === "same" && kernel.some((k, axis) => k > 2 * size[axis]!))
      throw refuse(i, "kernel", `${text(kernel)} is more than twice the map of ${shape} and would see mostly zeros`);
    if (kernel.some((k, axis) => k > padded[axis]!))
      throw refuse(i, "kernel", `${text(kernel)} does not fit the map of ${shape}, padded to ${text(padded)}`);
    const rest = both((axis) => (padded[axis] - kernel[axis]) % stride[axis]);
    if (rest.some((n, axis) => n > sides[axis]![1]))
      throw refuse(i, "padding", `${text(sides.map(([n]) => n))} leaves the last pixels of a map of ${shape} out`);
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

/**
 * Convolutions, then dense layers: (rows, ...event) → (rows, features).
 * Declares `layers.i` and `hidden.i`.
 * @param condition numbers of a condition, which stand beside the image: see `besideImages`
 */
export function convEncoder(
  scope: Scope,
  event: readonly number[],
  { layers, series = false, hidden, activation, initialization }: ConvNetworkOptions,
  refuse: RefuseLayer,
  condition = 0,
): EncoderNetwork {
  const image = mapOf(event, series);
  const seen = { ...image, channels: image.channels + condition };
  const steps = stepsFrom(seen, series, layers, refuse);
  const gated = activation === "gate";
  const convolutions = steps.map(({ larger, smaller, window }, i) =>
    conv(scope.at(`layers.${i}`), larger.channels, smaller.channels, { ...window, initialization, gated }),
  );
  const maps = activated(scope, "layers", convolutions, activation);
  const flat = sizeOf(steps.at(-1)!.smaller);
  const { layer, features } = mlp(scope, flat, { hidden, activation, initialization });
  return { features, apply: (x, c) => layer(reshape(maps(besideImages(imagesOf(x, image), c)), [x.shape[0]!, flat])) };
}

/**
 * Dense layers, one more to the smallest map, then transposed convolutions, of which the last is the head:
 * (rows, latent) → (rows, features). Declares `hidden.i`, `map` and `layers.i`, but for the last.
 */
export function convDecoder(
  scope: Scope,
  latent: number,
  event: readonly number[],
  { layers, series = false, hidden, activation, initialization }: ConvNetworkOptions,
  refuse: RefuseLayer,
): DecoderNetwork {
  const last = layers.length - 1;
  // The maps follow from the event: sizes that a stride does not divide come out exactly.
  const image = mapOf(event, series);
  const mirrored = stepsFrom(image, series, layers.toReversed(), (i, ...what) => refuse(last - i, ...what));
  const steps = mirrored.toReversed();
  const { layer, features: width } = mlp(scope, latent, { hidden, activation, initialization });
  const smallest = steps[0]!.smaller;
  const gated = activation === "gate";
  const map = dense(scope.at("map"), width, sizeOf(smallest), { initialization, gated });
  const transposed = steps.slice(0, -1).map(({ larger, smaller, window, outputPadding }, i) =>
    convTranspose(scope.at(`layers.${i}`), smaller.channels, larger.channels, {
      ...window,
      outputPadding,
      initialization,
      gated,
    }),
  );
  const maps = activated(scope, "layers", transposed, activation);
  const { smaller, window, outputPadding } = steps.at(-1)!;
  const features = sizeOf(smaller);
  return {
    features,
    apply(z) {
      const h = labelled(nonlinear(map(layer(z)), activation, 1), scope.path("map"));
      return reshape(maps(imagesOf(h, smallest)), [z.shape[0]!, features]);
    },
    head: imageHead(image, smaller, (at, channels) =>
      convTranspose(at, smaller.channels, channels, {
        ...window,
        outputPadding,
        initialization: headInitialization,
        bias: false,
      }),
    ),
  };
}
