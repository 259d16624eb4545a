import * as z from "zod/mini";
import { choice, expected, integer, part, section } from "./config.fields.ts";
import { activations, initializations, networks, normalizations, samplings } from "./config.parts.ts";
import { suggest } from "./nearest.ts";
import { show } from "./show.ts";

/* The keys of a config's networks. */

function pair(least: 0 | 1) {
  const number = least === 1 ? "a positive integer" : "an integer >= 0";
  const what = `${number}, or two, [vertical, horizontal]`;
  const one = integer(least, number);
  return z.union([one, z.tuple([one, one], expected(what))], expected(what));
}

const layer = section({
  channels: integer(1, "a positive integer"),
  kernel: z._default(pair(1), 4),
  stride: z._default(pair(1), 2),
  padding: z._default(
    z.union([z.literal("same"), pair(0)], expected('"same", an integer >= 0, or two, [vertical, horizontal]')),
    "same",
  ),
});

const exampleOfLayers = 'such as [{"channels": 32, "kernel": 4, "stride": 2}]';

/** As `choice`, with the reason for the one that a user would miss. */
const normalization = z.enum(normalizations, {
  error: ({ input }) => {
    const list = normalizations.map((name) => `"${name}"`).join(", ");
    const near = typeof input === "string" ? suggest(input, normalizations) : "";
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

const network = () =>
  part({
    kind: z.optional(choice(networks)),
    layers: z.optional(
      z.nullable(
        z
          .array(layer, expected(`a list of layers ${exampleOfLayers}`))
          .check(z.minLength(1, expected(`at least one layer ${exampleOfLayers}`))),
      ),
    ),
    channels: z.optional(z.nullable(z.array(positive, expected(eachLevel)).check(z.minLength(1, expected(eachLevel))))),
    blocks: z.optional(
      z.union([positive, z.array(positive).check(z.minLength(1, expected(blocks)))], expected(blocks)),
    ),
    bottleneck: z.optional(z.boolean(expected("true or false"))),
    normalization: z.optional(normalization),
    sampling: z.optional(choice(samplings)),
    hidden: z.optional(z.array(positive, expected("a list of positive integers such as [400]"))),
    activation: z.optional(z.nullable(choice(activations))),
    gated: z.optional(z.boolean(expected("true or false"))),
    initialization: z.optional(choice(initializations)),
  });

/* Two schemas, since the JSON Schema says of each key what it means there. */
export const encoder = network();
export const decoder = network();

/** A network whose keys are right one by one. */
export type CheckedNetwork = z.output<typeof encoder>;
