import type { Description } from "./config.describe.ts";
import {
  activations,
  initializations,
  listOf,
  networks,
  normalizations,
  samplings,
} from "./config.parts.descriptions.ts";

const layer: Description = {
  keys: {
    channels:
      "Channels of the smaller of the two maps: what a layer of the encoder gives, and one of the decoder takes.",
    kernel: "Size of the window, one number or [vertical, horizontal]; conv1d: one number.",
    stride: "How far the window moves: a map becomes smaller (in the decoder larger) by this factor.",
    padding:
      "Zeros on each side of the larger map. same: as many as make the smaller map ⌈size/stride⌉; with a 4×4 window and stride 2 that is 1.",
  },
};

function network(role: "encoder" | "decoder"): Description {
  const forEncoder = role === "encoder";
  const orEncoders = (otherwise: string) => (forEncoder ? ` Default: ${otherwise}.` : " Default: the encoder's.");
  const orReversed = (otherwise: string) =>
    forEncoder ? ` Default: ${otherwise}.` : " Default: the encoder's, in reverse order.";
  return {
    text: forEncoder ? "The network of q(z|x)." : "The network of p(x|z).",
    keys: {
      kind: `${listOf(networks)}.${orEncoders("mlp")}`,
      layers: {
        text: `Of conv and conv1d. ${forEncoder ? "Convolutions, from the data on." : "Transposed convolutions, up to the data; the last gives the data's channels."}${orReversed(
          "as many of 4×4 with stride 2 as leave a map of less than 8 pixels a side, the first of 32 channels, the others of 64",
        )}`,
        each: layer,
      },
      channels: `Of residual: channels of each level, ${forEncoder ? "from the image on" : "up to the image"}; from one level to the next a map has half (in the decoder twice) the size.${orReversed(
        "16, 32 and then 64, with as many levels as leave a map of less than 8 pixels a side",
      )}`,
      blocks: `Of residual: blocks of each level, one number for all levels or a list.${orReversed("1")}`,
      bottleneck: `Of residual: whether a block is a 3×3 convolution to a quarter of the channels and a 1×1 one back (van den Oord et al. 2017), in place of two of 3×3.${orEncoders("false")}`,
      normalization: `Of residual: what keeps the maps at one scale. ${listOf(normalizations)}.${orEncoders("group")}`,
      sampling: `Of residual: how one level becomes the next. ${listOf(samplings)}.${orEncoders("strided")}`,
      hidden: forEncoder
        ? "Units of each dense layer, towards the latent. [] has none: an mlp is then linear. Default: [400] for mlp (Kingma & Welling 2014 use one layer), [256] for the others."
        : "Units of each dense layer, from the latent on. Default: the encoder's, in reverse order.",
      activation: `What follows each layer: ${listOf(activations)}.${orEncoders("relu; none with gated")}`,
      gated: `Of mlp, conv and conv1d: in place of an activation, a gate follows each layer, (W·x + b)·σ(V·x + c) (Dauphin et al. 2017), which doubles its parameters.${orEncoders("false")}`,
      initialization: `Standard deviation of the initial weights: ${listOf(initializations)}.${orEncoders("glorot for tanh, he otherwise")}`,
    },
  };
}

export const encoder = network("encoder");
export const decoder = network("decoder");
