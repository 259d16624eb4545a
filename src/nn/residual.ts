import { add } from "../graph/ops/arithmetic.ts";
import { slice } from "../graph/ops/join.ts";
import { averagePool2d } from "../graph/ops/pooling.ts";
import { upsampleNearest } from "../graph/ops/resize.ts";
import { reshape } from "../graph/ops/structure.ts";
import { labelled } from "../graph/tensor.ts";
import { conv, convTranspose } from "./conv.ts";
import { type Activation, activations, dense, type Initialization, type Layer, mlp } from "./dense.ts";
import { besideImages, both, type FeatureMap, imageHead, imageOf, imagesOf, sizeOf, type Two } from "./images.ts";
import { type DecoderNetwork, type EncoderNetwork, headInitialization } from "./networks.ts";
import { groupNorm } from "./normalization.ts";
import { weightNormalized } from "./normalization-weight.ts";
import type { Scope } from "./parameters.ts";

/*
 * Residual convolutional networks: levels of maps, each half the size of the one before, ⌈size/2⌉, with blocks that add
 * to what passes through them (He et al. 2016b: normalization and activation come before each convolution).
 *
 * What carries a map on, the skip, is never activated: its convolutions start with the variance that they are given
 * (LeCun). The last convolution of a block starts at a tenth of its initialization, so that each block starts near the
 * identity, however many there are (cf. Zhang et al. 2019, Fixup, which starts them at 0; Child 2021 scales them).
 */

export interface ResidualOptions {
  /** Of each level, in the order in which they are computed. */
  readonly channels: readonly number[];
  /** Of each level. */
  readonly blocks: readonly number[];
  /** A block is a 3×3 convolution to a quarter of the channels and a 1×1 one back, in place of two of 3×3. */
  readonly bottleneck: boolean;
  /** Groups of channels of an example, its whole map, or the weights of the convolutions. */
  readonly normalization: "group" | "layer" | "weight" | "none";
  /** Between levels: 4×4 convolutions with stride 2, or means of 2×2 pixels; in a decoder transposed, or repetition. */
  readonly sampling: "strided" | "pooled";
  /** Units of the dense layers. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initialization: Initialization;
}

/** Makes the error that refuses so many levels, of which `most` are possible. */
export type RefuseLevels = (most: number) => Error;

/** The largest number of groups, 32 at most, that divides the channels and leaves 4 or more in each; else one. */
function groupsOf(channels: number): number {
  let groups = Math.min(32, Math.floor(channels / 4));
  while (groups > 1 && channels % groups > 0) groups--;
  return Math.max(groups, 1);
}

/** Normalization, if any, then the activation: of maps of so many channels. Declares `normalization`. */
function activatedMap(scope: Scope, channels: number, { normalization, activation }: ResidualOptions): Layer {
  const activate = activations[activation];
  if (normalization === "weight" || normalization === "none") return activate;
  const groups = normalization === "layer" ? 1 : groupsOf(channels);
  const normalized = groupNorm(scope.at("normalization"), channels, { groups });
  return (x) => activate(normalized(x));
}

/** Where the weight of a convolution is declared, whose axis of outputs is the given one. */
const weightsAt = (scope: Scope, { normalization }: ResidualOptions, axis = -1): Scope =>
  normalization === "weight" ? weightNormalized(scope, axis) : scope;

/** A 3×3 window, but for axes along which there is one pixel. */
const windowFor = ({ size }: FeatureMap): Two => both((axis) => (size[axis] === 1 ? 1 : 3));

const nearIdentity = 0.1;

/**
 * x + f(x), or skip(x) + f(x) with a 1×1 convolution where channels change. Declares `first` and `second`, each with its
 * normalization, and `skip`.
 */
function block(scope: Scope, map: FeatureMap, outputs: number, options: ResidualOptions): Layer {
  const { bottleneck, initialization } = options;
  const { channels } = map;
  const inner = bottleneck ? Math.ceil(outputs / 4) : outputs;
  const window = windowFor(map);
  const weights = (name: string) => weightsAt(scope.at(name), options);
  const before = activatedMap(scope.at("first"), channels, options);
  const first = conv(weights("first"), channels, inner, { kernel: window, padding: "same", initialization });
  const between = activatedMap(scope.at("second"), inner, options);
  const kernel = bottleneck ? 1 : window;
  const second = conv(weights("second"), inner, outputs, {
    kernel,
    padding: "same",
    initialization,
    gain: nearIdentity,
  });
  const skip: Layer =
    channels === outputs
      ? (x) => x
      : conv(weights("skip"), channels, outputs, { kernel: 1, initialization: "lecun", bias: false });
  return (x) => add(skip(x), second(between(first(before(x)))));
}

/** The blocks of a level from one number of channels to another, which the block of the given number changes. */
function blocksOf(
  scope: Scope,
  map: FeatureMap,
  { outputs, count, changing }: { readonly outputs: number; readonly count: number; readonly changing: number },
  options: ResidualOptions,
): Layer {
  const layers = Array.from({ length: count }, (_, i): Layer => {
    const own = { size: map.size, channels: i <= changing ? map.channels : outputs };
    const layer = block(scope.at(`blocks.${i}`), own, i < changing ? map.channels : outputs, options);
    return (x) => labelled(layer(x), scope.path(`blocks.${i}`));
  });
  return chain(layers);
}

const chain =
  (layers: readonly Layer[]): Layer =>
  (x) =>
    layers.reduce((h, layer) => layer(h), x);

const strided = { kernel: 4, stride: 2, initialization: "lecun" } as const;

/** Half the size, rounded up. Declares `down`, if anything. */
function down(scope: Scope, { channels }: FeatureMap, options: ResidualOptions): Layer {
  if (options.sampling === "pooled") return (x) => averagePool2d(x, 2, { padding: "same" });
  return conv(weightsAt(scope.at("down"), options), channels, channels, { ...strided, padding: "same" });
}

/** From half the size, rounded up, to the size of the given map. Declares `up`, if anything. */
function up(scope: Scope, { size, channels }: FeatureMap, options: ResidualOptions): Layer {
  if (options.sampling === "pooled") return (x) => slice(slice(upsampleNearest(x, 2), 1, 0, size[0]), 2, 0, size[1]);
  const padding = both((axis): Two => [1, 1 + (size[axis] % 2)]); // what "same" is for the convolution
  return convTranspose(weightsAt(scope.at("up"), options, 2), channels, channels, { ...strided, padding });
}

/** The maps of the levels, from the image on. */
function levelsFrom(image: FeatureMap, channels: readonly number[], refuse: RefuseLevels): FeatureMap[] {
  const levels: FeatureMap[] = [];
  for (const own of channels) {
    const larger = levels.at(-1)?.size;
    if (larger?.includes(1)) throw refuse(levels.length);
    levels.push({ size: larger ? both((axis) => Math.ceil(larger[axis] / 2)) : image.size, channels: own });
  }
  return levels;
}

/**
 * A 3×3 convolution, levels of blocks, then dense layers: (rows, height, width) or (rows, height, width, channels) →
 * (rows, features). The first block of a level takes the channels of the level before. Declares `stem`,
 * `levels.i.down`, `levels.i.blocks.j`, `normalization` and `hidden.i`.
 * @param condition numbers of a condition, which stand beside the image: see `besideImages`
 */
export function residualEncoder(
  scope: Scope,
  event: readonly number[],
  options: ResidualOptions,
  refuse: RefuseLevels,
  condition = 0,
): EncoderNetwork {
  const image = imageOf(event);
  const levels = levelsFrom(image, options.channels, refuse);
  const stem = conv(weightsAt(scope.at("stem"), options), image.channels + condition, levels[0]!.channels, {
    kernel: windowFor(image),
    padding: "same",
    initialization: "lecun",
  });
  const layers = levels.map(({ size, channels }, i): Layer => {
    const at = scope.at(`levels.${i}`);
    const above = levels[i - 1];
    const given = { size, channels: above?.channels ?? channels };
    const halved = above ? [down(at, above, options)] : [];
    return chain([
      ...halved,
      blocksOf(at, given, { outputs: channels, count: options.blocks[i]!, changing: 0 }, options),
    ]);
  });
  const last = levels.at(-1)!;
  const end = activatedMap(scope, last.channels, options);
  const { layer, features } = mlp(scope, sizeOf(last), options);
  return {
    features,
    apply(x, c) {
      const h = labelled(stem(besideImages(imagesOf(x, image), c)), scope.path("stem"));
      return layer(reshape(end(chain(layers)(h)), [x.shape[0]!, sizeOf(last)]));
    },
  };
}

/**
 * The mirror: dense layers, one more to the smallest map, levels of blocks, and a 3×3 convolution as the head:
 * (rows, latent) → (rows, features). The last block of a level gives the channels of the next. Declares `hidden.i`,
 * `map`, `levels.i.blocks.j`, `levels.i.up` and `normalization`.
 */
export function residualDecoder(
  scope: Scope,
  latent: number,
  event: readonly number[],
  options: ResidualOptions,
  refuse: RefuseLevels,
): DecoderNetwork {
  const image = imageOf(event);
  // The maps follow from the event: odd sizes come out exactly.
  const levels = levelsFrom(image, options.channels.toReversed(), refuse).toReversed();
  const { layer, features: width } = mlp(scope, latent, options);
  const smallest = levels[0]!;
  const map = dense(scope.at("map"), width, sizeOf(smallest), options);
  const layers = levels.map((level, i): Layer => {
    const at = scope.at(`levels.${i}`);
    const count = options.blocks[i]!;
    const next = levels[i + 1];
    const outputs = next?.channels ?? level.channels;
    const doubled = next ? [up(at, next, options)] : [];
    return chain([blocksOf(at, level, { outputs, count, changing: count - 1 }, options), ...doubled]);
  });
  const last = levels.at(-1)!;
  const end = activatedMap(scope, last.channels, options);
  const features = sizeOf(last);
  return {
    features,
    apply(z) {
      const h = labelled(map(layer(z)), scope.path("map"));
      return reshape(end(chain(layers)(imagesOf(h, smallest))), [z.shape[0]!, features]);
    },
    head: imageHead(image, last, (at, channels) =>
      conv(at, last.channels, channels, {
        kernel: windowFor(image),
        padding: "same",
        initialization: headInitialization,
        bias: false,
      }),
    ),
  };
}
