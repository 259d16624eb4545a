import type { CheckedNetwork } from "./config.networks.schema.ts";
import {
  type Activation,
  type Initialization,
  type NetworkKind,
  type Normalization,
  networkKeys,
  networks,
  type Sampling,
} from "./config.parts.ts";

/* The networks of a config: what they hold, their defaults, and what of them does not go together. */

interface CommonNetworkConfig {
  /** Units of each dense layer, in the order in which they are computed. */
  readonly hidden: readonly number[];
  readonly initialization: Initialization;
}

interface GatedNetworkConfig extends CommonNetworkConfig {
  readonly gated: boolean;
  /** null where gates take its place. */
  readonly activation: Activation | null;
}

export interface MlpConfig extends GatedNetworkConfig {
  readonly kind: "mlp";
}

/** One number for both axes, or [vertical, horizontal]. */
export type PairConfig = number | readonly [number, number];

export interface ConvLayerConfig<Sides extends PairConfig = PairConfig> {
  /** Of the layer's smaller map: what a layer of an encoder gives, and of a decoder takes. */
  readonly channels: number;
  readonly kernel: Sides;
  readonly stride: Sides;
  readonly padding: "same" | Sides;
}

export interface ConvConfig extends GatedNetworkConfig {
  readonly kind: "conv";
  /** In the order in which they are computed; null leaves them to the shape of the examples. */
  readonly layers: readonly ConvLayerConfig[] | null;
}

export interface Conv1dConfig extends GatedNetworkConfig {
  readonly kind: "conv1d";
  /** As those of conv, along one axis. */
  readonly layers: readonly ConvLayerConfig<number>[] | null;
}

export interface ResidualConfig extends CommonNetworkConfig {
  readonly kind: "residual";
  /** Of each level, in the order in which they are computed; null leaves them to the shape of the examples. */
  readonly channels: readonly number[] | null;
  /** Of each level, or of all of them. */
  readonly blocks: number | readonly number[];
  readonly bottleneck: boolean;
  readonly normalization: Normalization;
  readonly sampling: Sampling;
  readonly activation: Activation;
}

export type NetworkConfig = MlpConfig | ConvConfig | Conv1dConfig | ResidualConfig;

type Role = "encoder" | "decoder";

const kindsOf = (encoder: CheckedNetwork, decoder: CheckedNetwork): Readonly<Record<Role, NetworkKind>> => {
  const kind = encoder.kind ?? "mlp";
  return { encoder: kind, decoder: decoder.kind ?? kind };
};

/** The keys of all kinds. */
type Keys = Omit<ConvConfig, "kind"> & Omit<ResidualConfig, "kind" | "activation">;
type Given = { readonly [Key in keyof Keys]?: Keys[Key] | null | undefined };

/** Both networks with their defaults: the decoder is the mirror of the encoder where it says nothing itself. */
export function resolveNetworks(
  encoder: CheckedNetwork,
  decoder: CheckedNetwork,
): { readonly encoder: NetworkConfig; readonly decoder: NetworkConfig } {
  const kinds = kindsOf(encoder, decoder);
  const resolved = networkOf(kinds.encoder, encoder);
  const mirror: Given = mirrored(resolved);
  const { hidden, activation } = mirror;
  const above = kinds.encoder === kinds.decoder ? mirror : { hidden, activation };
  const own: Given = {
    ...above,
    initialization: encoder.initialization,
    ...Object.fromEntries(Object.entries(decoder).filter(([, value]) => value !== undefined && value !== null)),
    gated: decoder.gated ?? (decoder.activation ? false : mirror.gated),
  };
  return { encoder: resolved, decoder: networkOf(kinds.decoder, own) };
}

/** The network with its lists in reverse order: what a decoder is that says nothing itself. */
export function mirrored(network: NetworkConfig): NetworkConfig {
  const hidden = network.hidden.toReversed();
  switch (network.kind) {
    case "mlp":
      return { ...network, hidden };
    case "conv":
      return { ...network, hidden, layers: network.layers?.toReversed() ?? null };
    case "conv1d":
      return { ...network, hidden, layers: network.layers?.toReversed() ?? null };
    case "residual": {
      const { channels, blocks } = network;
      const reversed = typeof blocks === "number" ? blocks : blocks.toReversed();
      return { ...network, hidden, channels: channels?.toReversed() ?? null, blocks: reversed };
    }
  }
}

function networkOf(kind: NetworkKind, given: Given): NetworkConfig {
  const { layers = null, initialization } = given;
  const hidden = given.hidden ?? (kind === "mlp" ? [400] : [256]);
  const gated = kind !== "residual" && (given.gated ?? false);
  const activation = gated ? null : (given.activation ?? "relu");
  const common = { hidden, initialization: initialization ?? (activation === "tanh" ? "glorot" : "he") };
  switch (kind) {
    case "mlp":
      return { kind, ...common, gated, activation };
    case "conv":
      return { kind, layers, ...common, gated, activation };
    case "conv1d":
      return { kind, layers: layers as Conv1dConfig["layers"], ...common, gated, activation };
    case "residual":
      return {
        kind,
        channels: given.channels ?? null,
        blocks: given.blocks ?? 1,
        bottleneck: given.bottleneck ?? false,
        normalization: given.normalization ?? "group",
        sampling: given.sampling ?? "strided",
        ...common,
        activation: activation ?? "relu",
      };
  }
}

/** Keys of another network, and what of a network's own does not go together, each with its reason. */
export function networkContradictions(encoder: CheckedNetwork, decoder: CheckedNetwork): string[] {
  const kinds = kindsOf(encoder, decoder);
  const resolved = resolveNetworks(encoder, decoder);
  return Object.entries({ encoder, decoder }).flatMap(([role, network]) => {
    const kind = kinds[role as Role];
    const place = `model.${role}`;
    const strange = strangeKeys(network, kind, place);
    if (strange.length > 0) return strange;
    const found = (network.layers ?? []).flatMap((layer, i) =>
      windowContradictions(layer, kind, `${place}.layers.${i}`),
    );
    if (network.gated && network.activation)
      found.push(
        `${place}.activation: expected none with gated, got "${network.activation}": a gate takes its place; leave one of them out`,
      );
    const whole = resolved[role as Role];
    if (whole.kind === "residual" && (network.blocks !== undefined || network.channels)) {
      const { blocks, channels } = whole;
      if (typeof blocks !== "number" && blocks.length !== channels?.length)
        found.push(
          `${place}.blocks: expected one number, or ${channels ? `${channels.length}, ` : ""}as many as channels, got ${JSON.stringify(blocks)}${channels ? "" : `; give ${place}.channels as well`}`,
        );
    }
    return found;
  });
}

function strangeKeys(network: CheckedNetwork, kind: NetworkKind, place: string): string[] {
  const keysOf = (of: NetworkKind): readonly string[] => networkKeys[of];
  const some = Object.entries(network).filter(([, value]) => value !== undefined && value !== null);
  return some.flatMap(([key]) => {
    const others = networks.filter((name) => keysOf(name).includes(key));
    if (others.length === 0 || others.includes(kind)) return [];
    const list = others.map((name) => `"${name}"`).join(", ");
    const mend = others.length === 1 ? list : "one of those";
    return [
      `${place}.${key}: goes with the kind${others.length === 1 ? "" : "s"} ${list}, got "${kind}"; leave it out, or set ${place}.kind to ${mend}`,
    ];
  });
}

const atLeast = (a: PairConfig, b: PairConfig): boolean => {
  const [first, second] = [a, b].map((pair) => (typeof pair === "number" ? [pair, pair] : pair)) as [
    number[],
    number[],
  ];
  return first.every((n, axis) => n >= second[axis]!);
};

/** Windows that pass pixels by or lie beside the map. */
function windowContradictions({ kernel, stride, padding }: ConvLayerConfig, kind: NetworkKind, place: string) {
  const text = (pair: PairConfig) => JSON.stringify(pair);
  const found: string[] = [];
  const sides = Object.entries({ kernel, stride, padding });
  if (kind === "conv1d" && sides.some(([, pair]) => typeof pair === "object"))
    return sides
      .filter(([, pair]) => typeof pair === "object")
      .map(([key, pair]) => `${place}.${key}: expected one number with the kind "conv1d", got ${JSON.stringify(pair)}`);
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
