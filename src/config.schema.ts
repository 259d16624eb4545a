import * as z from "zod";
import { above0, choice, expected, fraction, integer, onlyKind, section } from "./config.fields.ts";
import { decoder, encoder } from "./config.networks.ts";
import { betaSchedule, optimizer } from "./config.optimizer.ts";
import { likelihoods, namesOf } from "./config.parts.ts";

/*
 * What a config file may hold, as a zod schema with a description for every key (editors show them) and every default
 * that does not depend on another key. Defaults that do are in config.ts, `resolve`.
 */

const COUNT_OR_FRACTION = "a count (integer >= 1), a fraction (between 0 and 1) or null";
const countOrFraction = z
  .union([integer(1, COUNT_OR_FRACTION), fraction(COUNT_OR_FRACTION)], expected(COUNT_OR_FRACTION))
  .nullable()
  .default(null);

const bernoulli = section({ kind: z.literal("bernoulli") }).describe(likelihoods.bernoulli);

const normal = section({
  kind: z.literal("normal"),
  variance: choice(["fixed", "global", "learned"])
    .default("fixed")
    .describe(
      "fixed: the given standardDeviation; global: one learned variance for all pixels (Rybkin et al. 2021, sigma-VAE); learned: an output of the decoder for each pixel.",
    ),
  standardDeviation: above0("a number > 0")
    .optional()
    .describe(
      "Standard deviation of p(x|z) in the data's own unit (pixels are scaled to [0, 1]). With fixed variance only. Default: 1.",
    ),
}).describe(likelihoods.normal);

const registered = z
  .looseObject(
    {
      kind: z
        .string(expected("a name"))
        .min(1, expected("a name"))
        .refine((kind) => !Object.hasOwn(likelihoods, kind), { abort: true })
        .meta({ not: { enum: [...namesOf(likelihoods)] } }),
    },
    expected('an object such as {"kind": "bernoulli"}'),
  )
  .describe("A likelihood registered by the user under this name; its other keys are its own.");

const data = section({
  binarization: choice(["none", "static", "dynamic"])
    .optional()
    .describe(
      "What becomes of grey levels: none leaves them; static draws each pixel's bit once; dynamic draws new bits each epoch (Salakhutdinov & Murray 2008). Default: dynamic for a bernoulli likelihood, none otherwise.",
    ),
  validation: countOrFraction.describe(
    "Examples kept for validation: a count (>= 1) or a fraction (< 1) of the training file. Default: 5000 for a folder with a test file of its own, 0.1 for a single file.",
  ),
  test: countOrFraction.describe(
    "Examples kept for the test: a count (>= 1) or a fraction (< 1). Default: the source's own test file, 0.1 for a single file.",
  ),
  examples: integer(1, "a positive integer or null")
    .nullable()
    .default(null)
    .describe("Use no more than this many examples of the source; for sprites, how many are drawn. Default: all."),
  seed: integer(0, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`)
    .default(0)
    .describe(
      "Seed of what belongs to the data: the split, which sprites are drawn, static binarization, and the draws of " +
        "validation and evaluation. Runs that differ in train.seed alone are then compared on the same data.",
    ),
})
  .prefault({})
  .describe("What is read and how it is split. Where the data lies is an argument of train, not of the config.");

const model = section({
  latent: integer(1, "a positive integer").default(20).describe("Dimensions of the latent z."),
  encoder,
  decoder,
  prior: section({ kind: onlyKind("standard-normal").default("standard-normal") })
    .prefault({})
    .describe("p(z): the standard normal."),
  posterior: section({ kind: onlyKind("normal").default("normal") })
    .prefault({})
    .describe("q(z|x): a normal with diagonal covariance."),
  likelihood: z
    .union([bernoulli, normal, registered], expected('an object such as {"kind": "bernoulli"}'))
    .default({ kind: "bernoulli" })
    .describe("p(x|z)."),
})
  .prefault({})
  .describe("The variational autoencoder (Kingma & Welling 2014).");

const objective = section({
  kind: onlyKind("elbo").default("elbo"),
  beta: z
    .number(expected("a number >= 0"))
    .min(0, expected("a number >= 0"))
    .default(1)
    .describe(
      "Weight of the rate KL(q(z|x) || p(z)): 1 is the ELBO, other values the beta-VAE (Higgins et al. 2017); 0 trains an autoencoder with noise.",
    ),
  schedule: betaSchedule,
})
  .prefault({})
  .describe("What is minimized: distortion + beta * rate, in nats per example.");

const train = section({
  batchSize: integer(1, "a positive integer").default(100).describe("Examples in a batch."),
  microBatch: integer(1, "a positive integer or null")
    .nullable()
    .default(null)
    .describe(
      "Examples computed at once, where a whole batch would not fit the memory: gradients are added up over the batch. Default: the whole batch.",
    ),
  steps: integer(1, "a positive integer or null")
    .nullable()
    .optional()
    .describe("Train for this many steps (batches). Not together with epochs."),
  epochs: integer(1, "a positive integer or null")
    .nullable()
    .optional()
    .describe(
      "Train for this many passes over the training examples. Default: 50 where neither steps nor minutes is given.",
    ),
  minutes: above0("a number > 0 or null")
    .nullable()
    .default(null)
    .describe(
      "Stop after this many minutes of training, those before a resume included, whatever steps and epochs say.",
    ),
  seed: integer(0, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`)
    .default(0)
    .describe("Seed of training: initial weights, shuffling, dynamic binarization, noise."),
  patience: integer(1, "a positive integer or null")
    .nullable()
    .default(null)
    .describe("Stop after this many validations in a row without a better validation ELBO. Default: never."),
  validateEvery: integer(1, "a positive integer").default(1).describe("Epochs from one validation to the next."),
  average: fraction("a decay between 0 and 1, or null")
    .nullable()
    .default(null)
    .describe(
      "Decay per step of an exponential moving average of the weights, which the finished model then has, e.g. 0.999. Default: none.",
    ),
  checkpointSeconds: z
    .number(expected("seconds, 0 or more"))
    .min(0, expected("seconds, 0 or more"))
    .default(30)
    .describe(
      "Seconds of training from one checkpoint to the next; 0 for one after every step. The numbers do not depend on it.",
    ),
})
  .prefault({})
  .describe("The training run.");

export const configSchema = section({
  $schema: z.string(expected("a string")).optional().describe("Where an editor finds this schema; vaekit ignores it."),
  data,
  model,
  objective,
  optimizer,
  train,
}).describe("A config of vaekit. Every key may be left out.");

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
