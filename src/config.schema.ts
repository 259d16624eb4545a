import * as z from "zod/mini";
import {
  above0,
  atLeast0,
  choice,
  described,
  expected,
  fraction,
  integer,
  onlyKind,
  optional,
  orNull,
  part,
  section,
  text,
  withDefault,
} from "./config.fields.ts";
import { decoder, encoder } from "./config.networks.schema.ts";
import { objective } from "./config.objective.ts";
import { optimizer } from "./config.optimizer.ts";
import { likelihoods, namesOf } from "./config.parts.ts";

/*
 * What a config file may hold, as a zod schema with a description for every key (editors show them) and every default
 * that does not depend on another key. Defaults that do are in config.ts, `resolve`.
 */

const COUNT_OR_FRACTION = "a count (integer >= 1), a fraction (between 0 and 1) or null";
const countOrFraction = z.union(
  [integer(1, COUNT_OR_FRACTION), fraction(COUNT_OR_FRACTION)],
  expected(COUNT_OR_FRACTION),
);

const bernoulli = described(section({ kind: z.literal("bernoulli") }), likelihoods.bernoulli);

const normal = described(
  section({
    kind: z.literal("normal"),
    variance: withDefault(
      choice(["fixed", "global", "learned"]),
      "fixed",
      "fixed: the given standardDeviation; global: one learned variance for all pixels (Rybkin et al. 2021, sigma-VAE); learned: an output of the decoder for each pixel.",
    ),
    standardDeviation: optional(
      above0("a number > 0"),
      "Standard deviation of p(x|z) in the data's own unit (pixels are scaled to [0, 1]). With fixed variance only. Default: 1.",
    ),
  }),
  likelihoods.normal,
);

const registered = described(
  z.looseObject(
    {
      kind: text("a name").check(
        z.refine((kind) => !Object.hasOwn(likelihoods, kind), { abort: true }),
        z.meta({ not: { enum: [...namesOf(likelihoods)] } }),
      ),
    },
    expected('an object such as {"kind": "bernoulli"}'),
  ),
  "A likelihood registered by the user under this name; its other keys are its own.",
);

const data = part("What is read and how it is split. Where the data lies is an argument of train, not of the config.", {
  binarization: optional(
    choice(["none", "static", "dynamic"]),
    "What becomes of grey levels: none leaves them; static draws each pixel's bit once; dynamic draws new bits each epoch (Salakhutdinov & Murray 2008). Default: dynamic for a bernoulli likelihood, none otherwise.",
  ),
  validation: orNull(
    countOrFraction,
    "Examples kept for validation: a count (>= 1) or a fraction (< 1) of the training file. Default: 5000 for a folder with a test file of its own, 0.1 for a single file.",
  ),
  test: orNull(
    countOrFraction,
    "Examples kept for the test: a count (>= 1) or a fraction (< 1). Default: the source's own test file, 0.1 for a single file.",
  ),
  examples: orNull(
    integer(1, "a positive integer or null"),
    "Use no more than this many examples of the source; for sprites, how many are drawn. Default: all.",
  ),
  seed: withDefault(
    integer(0, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`),
    0,
    "Seed of what belongs to the data: the split, which sprites are drawn, static binarization, and the draws of " +
      "validation and evaluation. Runs that differ in train.seed alone are then compared on the same data.",
  ),
});

const model = part("The variational autoencoder (Kingma & Welling 2014).", {
  latent: withDefault(integer(1, "a positive integer"), 20, "Dimensions of the latent z."),
  encoder,
  decoder,
  prior: part("p(z): the standard normal.", { kind: z._default(onlyKind("standard-normal"), "standard-normal") }),
  posterior: part("q(z|x): a normal with diagonal covariance.", { kind: z._default(onlyKind("normal"), "normal") }),
  likelihood: withDefault(
    z.union([bernoulli, normal, registered], expected('an object such as {"kind": "bernoulli"}')),
    { kind: "bernoulli" },
    "p(x|z).",
  ),
});

const train = part("The training run.", {
  batchSize: withDefault(integer(1, "a positive integer"), 100, "Examples in a batch."),
  microBatch: orNull(
    integer(1, "a positive integer or null"),
    "Examples computed at once, where a whole batch would not fit the memory: gradients are added up over the batch. Default: the whole batch.",
  ),
  steps: optional(
    z.nullable(integer(1, "a positive integer or null")),
    "Train for this many steps (batches). Not together with epochs.",
  ),
  epochs: optional(
    z.nullable(integer(1, "a positive integer or null")),
    "Train for this many passes over the training examples. Default: 50 where neither steps nor minutes is given.",
  ),
  minutes: orNull(
    above0("a number > 0 or null"),
    "Stop after this many minutes of training, those before a resume included, whatever steps and epochs say.",
  ),
  seed: withDefault(
    integer(0, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`),
    0,
    "Seed of training: initial weights, shuffling, dynamic binarization, noise.",
  ),
  patience: orNull(
    integer(1, "a positive integer or null"),
    "Stop after this many validations in a row without a better validation ELBO. Default: never.",
  ),
  validateEvery: withDefault(integer(1, "a positive integer"), 1, "Epochs from one validation to the next."),
  average: orNull(
    fraction("a decay between 0 and 1, or null"),
    "Decay per step of an exponential moving average of the weights, which the finished model then has, e.g. 0.999. Default: none.",
  ),
  checkpointSeconds: withDefault(
    atLeast0("seconds, 0 or more"),
    30,
    "Seconds of training from one checkpoint to the next; 0 for one after every step. The numbers do not depend on it.",
  ),
});

export const configSchema = described(
  section({
    $schema: optional(z.string(expected("a string")), "Where an editor finds this schema; vaekit ignores it."),
    data,
    model,
    objective,
    optimizer,
    train,
  }),
  "A config of vaekit. Every key may be left out.",
);

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
