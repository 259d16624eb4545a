import type { ConvConfig, ConvLayerConfig, NetworkConfig, PairConfig } from "../config.networks.ts";
import type { NetworkKind } from "../config.parts.ts";
import type { Config } from "../config.ts";
import { UsageError } from "../errors.ts";
import { formatShape } from "../graph/shape.ts";
import { convDecoder, convEncoder, type RefuseLayer } from "../nn/convolutional.ts";
import { type DecoderNetwork, denseDecoder, denseEncoder, type EncoderNetwork } from "../nn/networks.ts";
import type { Scope } from "../nn/parameters.ts";

/** A kind of network, as encoder and as decoder. `key` is where the config names it, for messages. */
interface NetworkPart<Own extends NetworkConfig> {
  encoder(scope: Scope, event: readonly number[], config: Own, key: string): EncoderNetwork;
  decoder(scope: Scope, latent: number, event: readonly number[], config: Own, key: string): DecoderNetwork;
}

/** The networks there are; what there is to say of each stands in config.parts.ts. */
const parts: { readonly [Kind in NetworkKind]: NetworkPart<Extract<NetworkConfig, { kind: Kind }>> } = {
  mlp: {
    encoder: (scope, event, config) => denseEncoder(scope, event, config),
    decoder: (scope, latent, event, config) => denseDecoder(scope, latent, event, config),
  },
  conv: {
    encoder(scope, event, config, key) {
      checkImage(event, key);
      return convEncoder(scope, event, { ...config, layers: encoderLayers(config, event) }, refusal(key));
    },
    decoder(scope, latent, event, config, key) {
      checkImage(event, key);
      return convDecoder(scope, latent, event, { ...config, layers: decoderLayers(config, event) }, refusal(key));
    },
  },
};

/** The network of q(z|x), but for its last layer. */
export function encoderNetwork(scope: Scope, event: readonly number[], config: NetworkConfig): EncoderNetwork {
  return partOf(config).encoder(scope, event, config, "model.encoder");
}

/** The network of p(x|z), but for its last layer. */
export function decoderNetwork(
  scope: Scope,
  latent: number,
  event: readonly number[],
  config: NetworkConfig,
): DecoderNetwork {
  return partOf(config).decoder(scope, latent, event, config, "model.decoder");
}

const partOf = ({ kind }: NetworkConfig): NetworkPart<NetworkConfig> => parts[kind] as NetworkPart<NetworkConfig>;

function checkImage(event: readonly number[], key: string): void {
  if (event.length === 2 || event.length === 3) return;
  throw new UsageError(
    `${key}.kind: "conv" takes images, (height, width) or (height, width, channels); the examples have shape ${formatShape(event)}; take "mlp"`,
  );
}

const refusal =
  (key: string): RefuseLayer =>
  (layer, name, problem) =>
    new UsageError(`${key}.layers.${layer}.${name}: ${problem}; take ${mends[name]}`);
const mends = {
  kernel: "a smaller kernel or fewer layers",
  stride: "a smaller stride or fewer layers",
  padding: 'another kernel or stride, or "same"',
} as const;

const encoderLayers = ({ layers }: ConvConfig, event: readonly number[]) => layers ?? suitableLayers(event);
const decoderLayers = ({ layers }: ConvConfig, event: readonly number[]) =>
  layers ?? suitableLayers(event).toReversed();

/** Layers that halve an image until a side is less than 8 pixels: two for 28×28, and four for 64×64. */
function suitableLayers([height, width]: readonly number[]): readonly ConvLayerConfig[] {
  const layers: ConvLayerConfig[] = [];
  for (let side = Math.min(height!, width!); side >= 8 || layers.length === 0; side = Math.ceil(side / 2))
    layers.push({ channels: layers.length === 0 ? 32 : 64, kernel: 4, stride: 2, padding: "same" });
  return layers;
}

/**
 * A model's config with what the shape of the examples decides filled in: the layers of a network "conv" without any.
 * `buildVae` makes the same of both.
 */
export function completeModel(model: Config["model"], event: readonly number[]): Config["model"] {
  const { encoder, decoder } = model;
  if (event.length < 2) return model; // nothing for images, and buildVae says so
  return {
    ...model,
    encoder: encoder.kind === "conv" ? { ...encoder, layers: encoderLayers(encoder, event) } : encoder,
    decoder: decoder.kind === "conv" ? { ...decoder, layers: decoderLayers(decoder, event) } : decoder,
  };
}

/** "conv 32 4×4/2, 64 4×4/2, dense 256, relu" */
export function networkText(network: NetworkConfig): string {
  const { hidden, activation } = network;
  const widths = hidden.join("-");
  if (network.kind === "mlp") return `${widths || "linear"} ${activation}`;
  const layers = network.layers?.map(
    ({ channels, kernel, stride }) => `${channels} ${sidesText(kernel)}/${sidesText(stride, "")}`,
  );
  return [`conv ${layers?.join(", ") ?? ""}`.trim(), ...(widths ? [`dense ${widths}`] : []), activation].join(", ");
}

/** "4×4", or "4" where both are the same and `square` is "". */
const sidesText = (pair: PairConfig, square = "×"): string =>
  typeof pair !== "number" ? pair.join("×") : square ? `${pair}${square}${pair}` : String(pair);
