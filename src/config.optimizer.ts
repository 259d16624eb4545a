import * as z from "zod";
import { above0, choice, expected, fraction, integer, section, text } from "./config.fields.ts";
import { isRecord, show } from "./show.ts";

/* The sections of the config that say how weights move: the optimizer and the schedules. */

const decay = z
  .number(expected("a number from 0 up to but not 1"))
  .min(0, expected("a number from 0 up to but not 1"))
  .lt(1, expected("a number from 0 up to but not 1"));

const atLeast0 = (what: string) => z.number(expected(what)).min(0, expected(what));

const share = (what: string) => atLeast0(what).max(1, expected(what));

/** A union by `kind`, whose messages list the kinds. */
function kinds<const Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]]>(
  example: string,
  names: readonly string[],
  options: Options,
) {
  const list = names.map((name) => `"${name}"`).join(", ");
  return z.discriminatedUnion("kind", options, {
    error: (issue) =>
      isRecord(issue.input)
        ? `expected ${list}, got ${show(issue.input.kind)}`
        : `expected an object such as {"kind": "${example}"}, got ${show(issue.input)}`,
  });
}

const warmup = integer(0, "an integer >= 0")
  .default(0)
  .describe("Steps of linear rise from 0 before the schedule begins.");

const schedule = kinds(
  "cosine",
  ["constant", "cosine", "step", "plateau"],
  [
    section({ kind: z.literal("constant"), warmup }),
    section({
      kind: z.literal("cosine"),
      final: share("a fraction from 0 to 1")
        .default(0.01)
        .describe("Learning rate at the last step, as a fraction of learningRate."),
      warmup,
    }),
    section({
      kind: z.literal("step"),
      factor: above0("a number > 0").default(0.1).describe("What the learning rate is multiplied by each time."),
      every: integer(1, "a positive integer").describe("Steps between two multiplications."),
      warmup,
    }),
    section({
      kind: z.literal("plateau"),
      factor: fraction("a fraction between 0 and 1")
        .default(0.5)
        .describe("What the learning rate is multiplied by when the validation objective has stopped falling."),
      patience: integer(1, "a positive integer")
        .default(5)
        .describe("Validations in a row without a better objective before each multiplication."),
      final: share("a fraction from 0 to 1")
        .default(0.01)
        .describe("The learning rate never falls below this fraction of learningRate."),
      warmup,
    }),
  ],
)
  .prefault({ kind: "constant" })
  .describe("How the learning rate changes with the step. cosine: Loshchilov & Hutter (2017), one period.");

const group = section({
  parameters: z
    .array(text('the beginning of a parameter\'s path such as "encoder"'), expected('a list such as ["encoder"]'))
    .min(1, expected("at least one"))
    .describe(
      'Beginnings of the paths of parameters: "encoder" for all of the encoder. `vaekit inspect RUN` lists them.',
    ),
  learningRate: atLeast0("a factor >= 0")
    .default(1)
    .describe("Factor on the optimizer's learning rate; 0 leaves the parameters as they start."),
  weightDecay: atLeast0("a number >= 0").optional().describe("In the place of the optimizer's."),
}).describe("Parameters with steps of their own length. The first group that names a parameter has it.");

/** Which keys go with which kind, beyond those that go with all. */
export const optimizerKeys = {
  adam: ["beta1", "beta2", "epsilon"],
  adamw: ["beta1", "beta2", "epsilon", "weightDecay"],
  adamax: ["beta1", "beta2", "epsilon", "weightDecay"],
  sgd: ["momentum", "nesterov", "weightDecay"],
} as const;

export const optimizer = section({
  kind: choice(["adam", "adamw", "adamax", "sgd"])
    .default("adam")
    .describe(
      "adam, adamax: Kingma & Ba (2015); adamw: Adam with decoupled weight decay (Loshchilov & Hutter 2019); sgd: gradient descent with momentum.",
    ),
  learningRate: above0("a number > 0").default(0.001).describe("The step size, before the schedule."),
  beta1: decay.optional().describe("Decay of the mean of gradients. Not for sgd. Default: 0.9."),
  beta2: decay
    .optional()
    .describe(
      "Decay of the mean of squared gradients; of the largest gradient for adamax. Not for sgd. Default: 0.999.",
    ),
  epsilon: above0("a number > 0")
    .optional()
    .describe(
      "Added to the root of the second moment; to the gradient's magnitude for adamax. Not for sgd. Default: 1e-8.",
    ),
  momentum: decay.optional().describe("Decay of the velocity. For sgd. Default: 0.9."),
  nesterov: z
    .boolean(expected("true or false"))
    .optional()
    .describe("Looks ahead by one step of the velocity (Sutskever et al. 2013). For sgd. Default: false."),
  weightDecay: atLeast0("a number >= 0")
    .optional()
    .describe(
      "Decoupled weight decay: weights shrink by learningRate * weightDecay of themselves at each step; biases do not. Not for adam. Default: 0.01 for adamw, else 0.",
    ),
  clip: above0("a number > 0 or null")
    .nullable()
    .default(null)
    .describe(
      "The greatest norm of the gradient: a longer one is scaled down to it (Pascanu et al. 2013). Default: none.",
    ),
  skipAbove: above0("a number > 0 or null")
    .nullable()
    .default(null)
    .describe(
      "A step whose gradient's norm is above this, or not finite, is left out (Child 2021); a hundred in a row are not. Default: none.",
    ),
  groups: z
    .array(group, expected("a list of groups"))
    .default([])
    .describe("Parameters with steps of their own length."),
  schedule,
})
  .prefault({})
  .describe("The optimizer.");

/** How β changes with the step. */
export const betaSchedule = kinds(
  "linear",
  ["constant", "linear", "cyclical"],
  [
    section({ kind: z.literal("constant") }),
    section({
      kind: z.literal("linear"),
      steps: integer(1, "a positive integer").describe("Steps until beta is reached."),
      from: share("a fraction from 0 to 1").default(0).describe("Where beta starts, as a fraction of it."),
    }),
    section({
      kind: z.literal("cyclical"),
      period: integer(2, "an integer >= 2").describe("Steps of one cycle."),
      rising: share("a fraction from 0 to 1")
        .default(0.5)
        .describe("Share of each cycle in which beta rises from 0; for the rest it stays."),
    }),
  ],
)
  .prefault({ kind: "constant" })
  .describe(
    "How beta changes with the step. linear: a warm-up (Bowman et al. 2016; Sonderby et al. 2016); cyclical: Fu et al. (2019).",
  );
