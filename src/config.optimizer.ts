import * as z from "zod/mini";
import {
  above0,
  atLeast0,
  choice,
  expected,
  fraction,
  integer,
  kinds,
  orNull,
  part,
  section,
  share,
  text,
} from "./config.fields.ts";

/* The section of the config that says how weights move: the optimizer and the schedule of its learning rate. */

const decayRange = "a number from 0 up to but not 1";
const decay = atLeast0(decayRange).check(z.lt(1, expected(decayRange)));

const warmup = z._default(integer(0, "an integer >= 0"), 0);
const final = () => z._default(share("a fraction from 0 to 1"), 0.01);

const schedules = kinds(
  "cosine",
  ["constant", "cosine", "step", "plateau"],
  [
    section({ kind: z.literal("constant"), warmup }),
    section({ kind: z.literal("cosine"), final: final(), warmup }),
    section({
      kind: z.literal("step"),
      factor: z._default(above0("a number > 0"), 0.1),
      every: integer(1, "a positive integer"),
      warmup,
    }),
    section({
      kind: z.literal("plateau"),
      factor: z._default(fraction("a fraction between 0 and 1"), 0.5),
      patience: z._default(integer(1, "a positive integer"), 5),
      final: final(),
      warmup,
    }),
  ],
);

const group = section({
  parameters: z
    .array(text('the beginning of a parameter\'s path such as "encoder"'), expected('a list such as ["encoder"]'))
    .check(z.minLength(1, expected("at least one"))),
  learningRate: z._default(atLeast0("a factor >= 0"), 1),
  weightDecay: z.optional(atLeast0("a number >= 0")),
});

/** Which keys go with which kind, beyond those that go with all. */
export const optimizerKeys = {
  adam: ["beta1", "beta2", "epsilon"],
  adamw: ["beta1", "beta2", "epsilon", "weightDecay"],
  adamax: ["beta1", "beta2", "epsilon", "weightDecay"],
  sgd: ["momentum", "nesterov", "weightDecay"],
} as const;

export const optimizer = part({
  kind: z._default(choice(["adam", "adamw", "adamax", "sgd"]), "adam"),
  learningRate: z._default(above0("a number > 0"), 0.001),
  beta1: z.optional(decay),
  beta2: z.optional(decay),
  epsilon: z.optional(above0("a number > 0")),
  momentum: z.optional(decay),
  nesterov: z.optional(z.boolean(expected("true or false"))),
  weightDecay: z.optional(atLeast0("a number >= 0")),
  clip: orNull(above0("a number > 0 or null")),
  skipAbove: orNull(above0("a number > 0 or null")),
  groups: z._default(z.array(group, expected("a list of groups")), []),
  schedule: z.prefault(schedules, { kind: "constant" }),
});
