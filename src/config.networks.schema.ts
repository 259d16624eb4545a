import * as z from "zod/mini";
import { choice, described, expected, integer, optional, part, section, withDefault } from "./config.fields.ts";
import { activations, initializations, listOf, namesOf, networks, normalizations, samplings } from "./config.parts.ts";
import { suggest } from "./nearest.ts";
import { show } from "./show.ts";

/* The keys of a config's networks, with a description of each. */

function pair(least: 0 | 1) {
  const number = least === 1 ? "a positive integer" : "an integer >= 0";
  const what = `${number}, or two, [vertical, horizontal]`;
  const one = integer(least, number);
  return z.union([one, z.tuple([one, one], expected(what))], expected(what));
}

const layer = section({
  channels: described(
    integer(1, "a positive integer"),
    "Channels of the smaller of the two maps: what a layer of the encoder gives, and one of the decoder takes.",
  ),
  kernel: withDefault(pair(1), 4, "Size of the window, one number or [vertical, horizontal]; conv1d: one number."),
  stride: withDefault(
    pair(1),
    2,
    "How far the window moves: a map becomes smaller (in the decoder larger) by this factor.",
  ),
  padding: withDefault(
    z.union([z.literal("same"), pair(0)], expected('"same", an integer >= 0, or two, [vertical, horizontal]')),
    "same",
    "Zeros on each side of the larger map. same: as many as make the smaller map ⌈size/stride⌉; with a 4×4 window and stride 2 that is 1.",
  ),
});

const exampleOfLayers = 'such as [{"channels": 32, "kernel": 4, "stride": 2}]';
const normalizationNames = namesOf(normalizations);

/** As `choice`, with the reason for the one that a user would miss. */
const normalization = z.enum(normalizationNames, {
  error: ({ input }) => {
    const list = normalizationNames.map((name) => `"${name}"`).join(", ");
    const near = typeof input === "string" ? suggest(input, normalizationNames) : "";
    const why =
      input === "batch"
        ? ': with the statistics of a batch, an example\'s bound would depend on the others, and threads that share a batch would each have their own; take "group"'
        : near.startsWith("did")
          ? `; ${near}`
          : "";
    return `expected ${list}, got ${show(input)}${why}`;
  },
});

const positive = integer(1, "a positive integer");
const eachLevel = "a list of positive integers such as [16, 32, 64]";
const blocks = "a positive integer, or a list of them, one for each level";

function network(role: "encoder" | "decoder") {
  const forEncoder = role === "encoder";
  const orEncoders = (otherwise: string) => (forEncoder ? ` Default: ${otherwise}.` : " Default: the encoder's.");
  const orReversed = (otherwise: string) =>
    forEncoder ? ` Default: ${otherwise}.` : " Default: the encoder's, in reverse order.";
  return part(forEncoder ? "The network of q(z|x)." : "The network of p(x|z).", {
    kind: optional(choice(namesOf(networks)), `${listOf(networks)}.${orEncoders("mlp")}`),
    layers: optional(
      z.nullable(
        z
          .array(layer, expected(`a list of layers ${exampleOfLayers}`))
          .check(z.minLength(1, expected(`at least one layer ${exampleOfLayers}`))),
      ),
      `Of conv and conv1d. ${forEncoder ? "Convolutions, from the data on." : "Transposed convolutions, up to the data; the last gives the data's channels."}${orReversed(
        "as many of 4×4 with stride 2 as leave a map of less than 8 pixels a side, the first of 32 channels, the others of 64",
      )}`,
    ),
    channels: optional(
      z.nullable(z.array(positive, expected(eachLevel)).check(z.minLength(1, expected(eachLevel)))),
      `Of residual: channels of each level, ${forEncoder ? "from the image on" : "up to the image"}; from one level to the next a map has half (in the decoder twice) the size.${orReversed(
        "16, 32 and then 64, with as many levels as leave a map of less than 8 pixels a side",
      )}`,
    ),
    blocks: optional(
      z.union([positive, z.array(positive).check(z.minLength(1, expected(blocks)))], expected(blocks)),
      `Of residual: blocks of each level, one number for all levels or a list.${orReversed("1")}`,
    ),
    bottleneck: optional(
      z.boolean(expected("true or false")),
      `Of residual: whether a block is a 3×3 convolution to a quarter of the channels and a 1×1 one back (van den Oord et al. 2017), in place of two of 3×3.${orEncoders("false")}`,
    ),
    normalization: optional(
      normalization,
      `Of residual: what keeps the maps at one scale. ${listOf(normalizations)}.${orEncoders("group")}`,
    ),
    sampling: optional(
      choice(namesOf(samplings)),
      `Of residual: how one level becomes the next. ${listOf(samplings)}.${orEncoders("strided")}`,
    ),
    hidden: optional(
      z.array(positive, expected("a list of positive integers such as [400]")),
      forEncoder
        ? "Units of each dense layer, towards the latent. [] has none: an mlp is then linear. Default: [400] for mlp (Kingma & Welling 2014 use one layer), [256] for the others."
        : "Units of each dense layer, from the latent on. Default: the encoder's, in reverse order.",
    ),
    activation: optional(
      z.nullable(choice(namesOf(activations))),
      `What follows each layer: ${listOf(activations)}.${orEncoders("relu; none with gated")}`,
    ),
    gated: optional(
      z.boolean(expected("true or false")),
      `Of mlp, conv and conv1d: in place of an activation, a gate follows each layer, (W·x + b)·σ(V·x + c) (Dauphin et al. 2017), which doubles its parameters.${orEncoders("false")}`,
    ),
    initialization: optional(
      choice(namesOf(initializations)),
      `Standard deviation of the initial weights: ${listOf(initializations)}.${orEncoders("glorot for tanh, he otherwise")}`,
    ),
  });
}

export const encoder = network("encoder");
export const decoder = network("decoder");

/** A network whose keys are right one by one. */
export type CheckedNetwork = z.output<typeof encoder>;
