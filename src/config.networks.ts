import * as z from "zod";
import { choice, expected, integer, section } from "./config.fields.ts";
import {
  type Activation,
  activations,
  type Initialization,
  initializations,
  listOf,
  type NetworkKind,
  namesOf,
  networks,
} from "./config.parts.ts";

/* The networks of a config: their keys, their defaults, and what of them does not go together. */

interface CommonNetworkConfig {
  /** Units of each dense layer, in the order in which they are computed. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initialization: Initialization;
}

export interface MlpConfig extends CommonNetworkConfig {
  readonly kind: "mlp";
}

/** One number for both axes, or [vertical, horizontal]. */
export type PairConfig = number | readonly [number, number];

export interface ConvLayerConfig {
  /** Of the layer's smaller map: what a layer of an encoder gives, and of a decoder takes. */
  readonly channels: number;
  readonly kernel: PairConfig;
  readonly stride: PairConfig;
  readonly padding: "same" | PairConfig;
}

export interface ConvConfig extends CommonNetworkConfig {
  readonly kind: "conv";
  /** In the order in which they are computed; null leaves them to the shape of the examples. */
  readonly layers: readonly ConvLayerConfig[] | null;
}

export type NetworkConfig = MlpConfig | ConvConfig;

type Role = "encoder" | "decoder";

function pair(least: 0 | 1) {
  const number = least === 1 ? "a positive integer" : "an integer >= 0";
  const what = `${number}, or two, [vertical, horizontal]`;
  const one = integer(least, number);
  return z.union([one, z.tuple([one, one], expected(what))], expected(what));
}

const layer = section({
  channels: integer(1, "a positive integer").describe(
    "Channels of the smaller of the two maps: what a layer of the encoder gives, and one of the decoder takes.",
  ),
  kernel: pair(1).default(4).describe("Size of the window, one number or [vertical, horizontal]."),
  stride: pair(1)
    .default(2)
    .describe("How far the window moves: a map becomes smaller (in the decoder larger) by this factor."),
  padding: z
    .union([z.literal("same"), pair(0)], expected('"same", an integer >= 0, or two, [vertical, horizontal]'))
    .default("same")
    .describe(
      "Zeros on each side of the larger map. same: as many as make the smaller map ⌈size/stride⌉; with a 4×4 window and stride 2 that is 1.",
    ),
});

const exampleOfLayers = 'such as [{"channels": 32, "kernel": 4, "stride": 2}]';

function network(role: Role) {
  const forEncoder = role === "encoder";
  const orEncoders = (otherwise: string) => (forEncoder ? ` Default: ${otherwise}.` : " Default: the encoder's.");
  return section({
    kind: choice(namesOf(networks))
      .optional()
      .describe(`${listOf(networks)}.${orEncoders("mlp")}`),
    layers: z
      .array(layer, expected(`a list of layers ${exampleOfLayers}`))
      .min(1, expected(`at least one layer ${exampleOfLayers}`))
      .nullable()
      .optional()
      .describe(
        forEncoder
          ? "Convolutions, from the data on. Default: as many of 4×4 with stride 2 as leave a map of less than 8 pixels a side, the first of 32 channels, the others of 64."
          : "Transposed convolutions, up to the data; the last gives the data's channels. Default: the encoder's, in reverse order.",
      ),
    hidden: z
      .array(integer(1, "a positive integer"), expected("a list of positive integers such as [400]"))
      .optional()
      .describe(
        forEncoder
          ? "Units of each dense layer, towards the latent. [] has none: an mlp is then linear. Default: [400] for mlp (Kingma & Welling 2014 use one layer), [256] for conv."
          : "Units of each dense layer, from the latent on. Default: the encoder's, in reverse order.",
      ),
    activation: choice(namesOf(activations))
      .optional()
      .describe(`What follows each layer: ${listOf(activations)}.${orEncoders("relu")}`),
    initialization: choice(namesOf(initializations))
      .optional()
      .describe(
        `Standard deviation of the initial weights: ${listOf(initializations)}.${orEncoders("glorot for tanh, he otherwise")}`,
      ),
  })
    .prefault({})
    .describe(forEncoder ? "The network of q(z|x)." : "The network of p(x|z).");
}

export const encoder = network("encoder");
export const decoder = network("decoder");

type Checked = z.output<typeof encoder>;

const kindsOf = (encoder: Checked, decoder: Checked): Readonly<Record<Role, NetworkKind>> => {
  const kind = encoder.kind ?? "mlp";
  return { encoder: kind, decoder: decoder.kind ?? kind };
};

/** Both networks with their defaults: the decoder is the mirror of the encoder where it says nothing itself. */
export function resolveNetworks(
  encoder: Checked,
  decoder: Checked,
): { readonly encoder: NetworkConfig; readonly decoder: NetworkConfig } {
  const kinds = kindsOf(encoder, decoder);
  const hidden = encoder.hidden ?? (kinds.encoder === "mlp" ? [400] : [256]);
  const activation = encoder.activation ?? "relu";
  const layers = encoder.layers ?? null;
  const decoderActivation = decoder.activation ?? activation;
  const { initialization } = encoder;
  return {
    encoder: networkOf(kinds.encoder, layers, {
      hidden,
      activation,
      initialization: initialization ?? initializationFor(activation),
    }),
    decoder: networkOf(kinds.decoder, decoder.layers ?? layers?.toReversed() ?? null, {
      hidden: decoder.hidden ?? hidden.toReversed(),
      activation: decoderActivation,
      initialization: decoder.initialization ?? initialization ?? initializationFor(decoderActivation),
    }),
  };
}

const initializationFor = (activation: Activation): Initialization => (activation === "tanh" ? "glorot" : "he");

function networkOf(kind: NetworkKind, layers: ConvConfig["layers"], common: CommonNetworkConfig): NetworkConfig {
  return kind === "mlp" ? { kind, ...common } : { kind, layers, ...common };
}

/** Keys of another network, and windows that pass pixels by or lie beside the map, each with its reason. */
export function networkContradictions(encoder: Checked, decoder: Checked): string[] {
  const kinds = kindsOf(encoder, decoder);
  return Object.entries({ encoder, decoder }).flatMap(([role, network]) => {
    const kind = kinds[role as Role];
    const place = `model.${role}`;
    const own: readonly string[] = networks[kind].keys;
    const { layers } = network;
    if (!layers) return [];
    if (!own.includes("layers"))
      return [
        `${place}.layers: goes with the kind "conv", got "${kind}"; leave it out, or set ${place}.kind to "conv"`,
      ];
    return layers.flatMap((layer, i) => windowContradictions(layer, `${place}.layers.${i}`));
  });
}

const atLeast = (a: PairConfig, b: PairConfig): boolean => {
  const [first, second] = [a, b].map((pair) => (typeof pair === "number" ? [pair, pair] : pair)) as [
    number[],
    number[],
  ];
  return first.every((n, axis) => n >= second[axis]!);
};

function windowContradictions({ kernel, stride, padding }: ConvLayerConfig, place: string): string[] {
  const text = (pair: PairConfig) => JSON.stringify(pair);
  const found: string[] = [];
  if (!atLeast(kernel, stride))
    found.push(
      `${place}.stride: expected at most the kernel, ${text(kernel)}, got ${text(stride)}: the window would pass pixels by; take a smaller stride or a larger kernel`,
    );
  if (padding !== "same") {
    const most: PairConfig = typeof kernel === "number" ? kernel - 1 : [kernel[0] - 1, kernel[1] - 1];
    if (!atLeast(most, padding))
      found.push(
        `${place}.padding: expected less than the kernel, ${text(kernel)}, got ${text(padding)}: windows would see zeros alone; take less, or "same"`,
      );
  }
  return found;
}
