import type { Conv1dConfig, ConvConfig, ConvLayerConfig, NetworkConfig, PairConfig } from "../config.networks.ts";
import type { NetworkKind } from "../config.parts.ts";
import type { Config } from "../config.ts";
import { UsageError } from "../errors.ts";
import { formatShape } from "../graph/shape.ts";
import type { RefuseLayer } from "../nn/convolutional.ts";
import { type DecoderNetwork, denseDecoder, denseEncoder, type EncoderNetwork } from "../nn/networks.ts";
import type { Scope } from "../nn/parameters.ts";

type Role = "encoder" | "decoder";

/** A kind of network, as encoder and as decoder. */
interface NetworkPart<Own extends NetworkConfig> {
  /** The examples that it takes, in words, by the number of their axes; absent where it takes all. */
  readonly events?: { readonly axes: readonly number[]; readonly text: string; readonly otherwise: string };
  /** The config with what the shape of the examples decides filled in. */
  complete(config: Own, event: readonly number[], role: Role): Own;
  /** Of a complete config. `key` is where the config names the network, for messages; `condition` is that many numbers. */
  encoder(scope: Scope, event: readonly number[], config: Own, key: string, condition: number): EncoderNetwork;
  decoder(scope: Scope, latent: number, event: readonly number[], config: Own, key: string): DecoderNetwork;
  /** Its layers before the dense ones, in a few words. */
  text(config: Own): string;
}

type Code = Pick<typeof import("../nn/convolutional.ts"), "convEncoder" | "convDecoder"> &
  Pick<typeof import("../nn/residual.ts"), "residualEncoder" | "residualDecoder">;
let convolutions: Code | undefined;

/** Loads the code of networks of these kinds; dense ones are there from the start. */
export async function loadNetworks(kinds: readonly NetworkKind[]): Promise<void> {
  if (convolutions || kinds.every((kind) => kind === "mlp")) return;
  const [windows, levels] = await Promise.all([import("../nn/convolutional.ts"), import("../nn/residual.ts")]);
  convolutions = { ...windows, ...levels };
}

function loaded(): Code {
  if (convolutions) return convolutions;
  throw new UsageError("networks of convolutions are not loaded; await loadParts(model) before the model is built");
}

const images = {
  axes: [2, 3],
  text: "images, (height, width) or (height, width, channels)",
  otherwise: 'take "mlp"',
} as const;

/** Layers of windows, over images or along series. */
function windowed<Own extends ConvConfig | Conv1dConfig>(
  series: boolean,
): Pick<NetworkPart<Own>, "complete" | "encoder" | "decoder" | "text"> {
  const optionsOf = (config: Own) => ({ ...builtOf(config), layers: config.layers ?? [], series });
  return {
    complete(config, event, role) {
      const suitable = suitableLayers(event.slice(0, series ? 1 : 2));
      return { ...config, layers: config.layers ?? (role === "encoder" ? suitable : suitable.toReversed()) };
    },
    encoder: (scope, event, config, key, condition) =>
      loaded().convEncoder(scope, event, optionsOf(config), refusal(key), condition),
    decoder: (scope, latent, event, config, key) =>
      loaded().convDecoder(scope, latent, event, optionsOf(config), refusal(key)),
    text({ kind, layers }) {
      const shown = layers?.map(
        ({ channels, kernel, stride }) =>
          `${channels} ${series ? String(kernel) : sidesText(kernel)}/${sidesText(stride, "")}`,
      );
      return `${kind} ${shown?.join(", ") ?? ""}`.trim();
    },
  };
}

/** The networks there are; what there is to say of each stands in config.parts.descriptions.ts. */
const parts: { readonly [Kind in NetworkKind]: NetworkPart<Extract<NetworkConfig, { kind: Kind }>> } = {
  mlp: {
    complete: (config) => config,
    encoder: (scope, event, config, _key, condition) => denseEncoder(scope, event, builtOf(config), condition),
    decoder: (scope, latent, event, config) => denseDecoder(scope, latent, event, builtOf(config)),
    text: () => "",
  },
  conv: { events: images, ...windowed(false) },
  conv1d: {
    events: {
      axes: [1, 2],
      text: "series, (length) or (length, channels)",
      otherwise: 'take "conv" for images, or "mlp"',
    },
    ...windowed(true),
  },
  residual: {
    events: images,
    complete(config, event, role) {
      const suitable = suitableChannels(event);
      return { ...config, channels: config.channels ?? (role === "encoder" ? suitable : suitable.toReversed()) };
    },
    encoder: (scope, event, config, key, condition) =>
      loaded().residualEncoder(scope, event, levelsOf(config), levelRefusal(key, event), condition),
    decoder: (scope, latent, event, config, key) =>
      loaded().residualDecoder(scope, latent, event, levelsOf(config), levelRefusal(key, event)),
    text({ channels, blocks, bottleneck, normalization, sampling }) {
      const each = typeof blocks === "number" ? String(blocks) : blocks.join("-");
      const what = [`residual ${channels?.join("-") ?? ""}`.trim(), `${each} block${each === "1" ? "" : "s"} a level`];
      const normalized = normalization === "none" ? [] : [`${normalization} normalization`];
      return [...what, ...(bottleneck ? ["bottleneck"] : []), ...normalized, sampling].join(", ");
    },
  },
};

/** The network of q(z|x), but for its last layer. @param condition numbers of a condition that it sees */
export function encoderNetwork(
  scope: Scope,
  event: readonly number[],
  config: NetworkConfig,
  condition = 0,
): EncoderNetwork {
  checkEvent(config, event, "model.encoder");
  return partOf(config).encoder(scope, event, completed(config, event, "encoder"), "model.encoder", condition);
}

/** The network of p(x|z), but for its last layer. */
export function decoderNetwork(
  scope: Scope,
  latent: number,
  event: readonly number[],
  config: NetworkConfig,
): DecoderNetwork {
  checkEvent(config, event, "model.decoder");
  return partOf(config).decoder(scope, latent, event, completed(config, event, "decoder"), "model.decoder");
}

const partOf = ({ kind }: NetworkConfig): NetworkPart<NetworkConfig> => parts[kind] as NetworkPart<NetworkConfig>;
const completed = (config: NetworkConfig, event: readonly number[], role: Role): NetworkConfig =>
  partOf(config).complete(config, event, role);

const takes = (config: NetworkConfig, event: readonly number[]): boolean =>
  partOf(config).events?.axes.includes(event.length) ?? true;

function checkEvent(config: NetworkConfig, event: readonly number[], key: string): void {
  if (takes(config, event)) return;
  const { text, otherwise } = partOf(config).events!;
  throw new UsageError(
    `${key}.kind: "${config.kind}" takes ${text}; the examples have shape ${formatShape(event)}; ${otherwise}`,
  );
}

/** What layers take of the config: a gate is what follows them. */
const builtOf = ({ hidden, activation, initialization }: Exclude<NetworkConfig, { kind: "residual" }>) => ({
  hidden,
  activation: activation ?? ("gate" as const),
  initialization,
});

const refusal =
  (key: string): RefuseLayer =>
  (layer, name, problem) =>
    new UsageError(`${key}.layers.${layer}.${name}: ${problem}; take ${mends[name]}`);
const mends = {
  kernel: "a smaller kernel or fewer layers",
  stride: "a smaller stride or fewer layers",
  padding: 'another kernel or stride, or "same"',
} as const;

/** Layers that halve an event until a side is less than 8: two for 28×28, and four for 64×64. */
function suitableLayers(sides: readonly number[]): readonly ConvLayerConfig<number>[] {
  return Array.from({ length: Math.max(halvings(sides), 1) }, (_, i) => ({
    channels: i === 0 ? 32 : 64,
    kernel: 4,
    stride: 2,
    padding: "same",
  }));
}

/** Channels of levels down to a map of which a side is less than 8. */
const suitableChannels = ([height, width]: readonly number[]): readonly number[] =>
  Array.from({ length: 1 + halvings([height!, width!]) }, (_, i) => Math.min(16 * 2 ** i, 64));

/** How often the smallest side is halved until it is less than 8. */
function halvings(sides: readonly number[]): number {
  let count = 0;
  for (let side = Math.min(...sides); side >= 8; side = Math.ceil(side / 2)) count++;
  return count;
}

function levelsOf(config: Extract<NetworkConfig, { kind: "residual" }>) {
  const channels = config.channels ?? [];
  const { blocks } = config;
  return { ...config, channels, blocks: typeof blocks === "number" ? channels.map(() => blocks) : blocks };
}

const levelRefusal =
  (key: string, [height, width]: readonly number[]) =>
  (most: number) =>
    new UsageError(
      `${key}.channels: an image of ${height}×${width} can be halved until a side is 1 pixel, which gives ${most} levels; take at most as many channels`,
    );

/**
 * A model's config with what the shape of the examples decides filled in, such as the layers of a network "conv" without
 * any. `buildVae` makes the same of both.
 */
export function completeModel(model: Config["model"], event: readonly number[]): Config["model"] {
  const { encoder, decoder } = model;
  if (!takes(encoder, event) || !takes(decoder, event)) return model; // buildVae says so
  return { ...model, encoder: completed(encoder, event, "encoder"), decoder: completed(decoder, event, "decoder") };
}

/** "conv 32 4×4/2, 64 4×4/2, dense 256, relu" */
export function networkText(network: NetworkConfig): string {
  const { hidden, activation } = network;
  const widths = hidden.join("-");
  const between = activation ?? "gated";
  if (network.kind === "mlp") return `${widths || "linear"} ${between}`;
  return [partOf(network).text(network), ...(widths ? [`dense ${widths}`] : []), between].join(", ");
}

/** "4×4", or "4" where both are the same and `square` is "". */
const sidesText = (pair: PairConfig, square = "×"): string =>
  typeof pair !== "number" ? pair.join("×") : square ? `${pair}${square}${pair}` : String(pair);
