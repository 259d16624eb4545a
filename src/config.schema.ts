import * as z from "zod/mini";
import { condition } from "./config.condition.ts";
import { above0, atLeast0, choice, expected, fraction, integer, orNull, part, section, text } from "./config.fields.ts";
import { posterior, prior } from "./config.latents.ts";
import { likelihood, registered } from "./config.likelihoods.ts";
import { decoder, encoder } from "./config.networks.schema.ts";
import { objective } from "./config.objective.ts";
import { optimizer } from "./config.optimizer.ts";

/*
 * What a config file may hold, as a zod schema with every default that does not depend on another key. Defaults that do
 * are in config.ts, `resolve`. What each key means is in config.descriptions.ts, in the same order: editors show it, and
 * a browser does not load it.
 */

const COUNT_OR_FRACTION = "a count (integer >= 1), a fraction (between 0 and 1) or null";
const countOrFraction = z.union(
  [integer(1, COUNT_OR_FRACTION), fraction(COUNT_OR_FRACTION)],
  expected(COUNT_OR_FRACTION),
);
const seed = integer(0, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
const positive = integer(1, "a positive integer");
const positiveOrNull = integer(1, "a positive integer or null");

const data = part({
  binarization: z.optional(choice(["none", "static", "dynamic"])),
  validation: orNull(countOrFraction),
  test: orNull(countOrFraction),
  examples: orNull(positiveOrNull),
  conditions: orNull(text("the name of a CSV file or null")),
  seed: z._default(seed, 0),
});

const model = part({
  latent: z._default(positive, 20),
  encoder,
  decoder,
  prior,
  posterior,
  likelihood,
  condition,
});

const train = part({
  batchSize: z._default(positive, 100),
  microBatch: orNull(positiveOrNull),
  steps: z.optional(z.nullable(positiveOrNull)),
  epochs: z.optional(z.nullable(positiveOrNull)),
  minutes: orNull(above0("a number > 0 or null")),
  seed: z._default(seed, 0),
  patience: orNull(positiveOrNull),
  validateEvery: z._default(positive, 1),
  average: orNull(fraction("a decay between 0 and 1, or null")),
  checkpointSeconds: z._default(atLeast0("seconds, 0 or more"), 30),
});

export const configSchema = section({
  $schema: z.optional(z.string(expected("a string"))),
  data,
  model,
  objective,
  optimizer,
  train,
});

/**
 * The keys that may follow at a path of the config: a list, "any" inside a registered part, or undefined where
 * the path leads to a value and not to a section.
 */
export function keysAt(path: readonly string[]): readonly string[] | "any" | undefined {
  let schemas: readonly z.core.$ZodType[] = [configSchema];
  for (const key of path) {
    schemas = sections(schemas).flatMap((object) => object._zod.def.shape[key] ?? []);
  }
  const objects = sections(schemas);
  if (objects.length === 0) return undefined;
  if (objects.some((object) => object === (registered as z.core.$ZodObject))) return "any";
  return [...new Set(objects.flatMap((object) => Object.keys(object._zod.def.shape)))];
}

/** The object schemas within optional, default and union wrappers. */
function sections(schemas: readonly z.core.$ZodType[]): z.core.$ZodObject[] {
  return schemas.flatMap((schema) => {
    const def = (schema as z.core.$ZodTypes)._zod.def;
    if (def.type === "object") return [schema as z.core.$ZodObject];
    if (def.type === "union") return sections(def.options);
    if (def.type === "default" || def.type === "prefault" || def.type === "optional" || def.type === "nullable") {
      return sections([def.innerType]);
    }
    return [];
  });
}
