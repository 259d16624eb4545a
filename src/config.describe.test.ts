import { expect, test } from "vitest";
import * as z from "zod/mini";
import { type Description, describe } from "./config.describe.ts";

const size = z.union([z.number(), z.array(z.number())]);
const schema = z.strictObject({
  latent: z._default(z.nullable(size), null),
  prior: z.prefault(
    z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("normal") }),
      z.strictObject({ kind: z.literal("mixture"), components: z.optional(z.number()) }),
      z.looseObject({ kind: z.literal("own") }),
    ]),
    { kind: "normal" },
  ),
  layers: z.array(z.strictObject({ units: z.number() })),
});

const prior = { text: "p(z).", kinds: { mixture: { text: "Of normals.", keys: { components: "How many." } } } };
const layers = { text: "From the data on.", each: { keys: { units: "Of the layer." } } };
const keys = { latent: "Of z.", prior, layers } as const;

test("each place has its description in the JSON Schema", () => {
  const metadata = describe(schema, { text: "A config.", keys });
  expect(z.toJSONSchema(schema, { metadata })).toMatchObject({
    description: "A config.",
    properties: {
      latent: { description: "Of z." },
      prior: {
        description: "p(z).",
        oneOf: [{}, { description: "Of normals.", properties: { components: { description: "How many." } } }, {}],
      },
      layers: { description: "From the data on.", items: { properties: { units: { description: "Of the layer." } } } },
    },
  });
});

test.each<[string, Description, string]>([
  ["a key", { keys: { prior, layers } }, "config.latent: a key without a description"],
  ["a key of a kind", { keys: { ...keys, prior: "p(z)." } }, "config.prior[mixture].components: a key without"],
  ["a key in a list", { keys: { ...keys, layers: "Some." } }, "config.layers[].units: a key without a description"],
  ["no key", { keys: { ...keys, latents: "?" } }, "config: described, but not there: latents"],
  [
    "no section",
    { keys: { ...keys, latent: { keys: { size: "?" } } } },
    "config.latent: described, but not there: size",
  ],
  [
    "no kind",
    { keys: { ...keys, prior: { kinds: { ...prior.kinds, flow: "?" } } } },
    "config.prior: described, but not there: flow",
  ],
  ["no list", { keys: { ...keys, latent: { each: "?" } } }, "config.latent: described, but not there: each"],
])("what goes without a description, or is described and is not there, is named: %s", (_, description, message) => {
  expect(() => describe(schema, description)).toThrow(message);
});

test("of a schema that stands in two places, both say the same", () => {
  const shared = z.optional(z.number());
  const both = z.strictObject({ a: shared, b: shared });
  expect(() => describe(both, { keys: { a: "One.", b: "One." } })).not.toThrow();
  expect(() => describe(both, { keys: { a: "One.", b: "Two." } })).toThrow(
    "config.b: its schema is described otherwise elsewhere",
  );
});
