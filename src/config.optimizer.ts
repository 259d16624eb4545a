import * as z from "zod/mini";
import {
  above0,
  atLeast0,
  choice,
  described,
  expected,
  fraction,
  integer,
  kinds,
  optional,
  orNull,
  part,
  section,
  share,
  text,
  withDefault,
} from "./config.fields.ts";

/* The section of the config that says how weights move: the optimizer and the schedule of its learning rate. */

const decayRange = "a number from 0 up to but not 1";
const decay = atLeast0(decayRange).check(z.lt(1, expected(decayRange)));

const warmup = withDefault(integer(0, "an integer >= 0"), 0, "Steps of linear rise from 0 before the schedule begins.");

const schedules = kinds(
  "cosine",
  ["constant", "cosine", "step", "plateau"],
  [
    section({ kind: z.literal("constant"), warmup }),
    section({
      kind: z.literal("cosine"),
      final: withDefault(
        share("a fraction from 0 to 1"),
        0.01,
        "Learning rate at the last step, as a fraction of learningRate.",
      ),
      warmup,
    }),
    section({
      kind: z.literal("step"),
      factor: withDefault(above0("a number > 0"), 0.1, "What the learning rate is multiplied by each time."),
      every: described(integer(1, "a positive integer"), "Steps between two multiplications."),
      warmup,
    }),
    section({
      kind: z.literal("plateau"),
      factor: withDefault(
        fraction("a fraction between 0 and 1"),
        0.5,
        "What the learning rate is multiplied by when the validation objective has stopped falling.",
      ),
      patience: withDefault(
        integer(1, "a positive integer"),
        5,
        "Validations in a row without a better objective before each multiplication.",
      ),
      final: withDefault(
        share("a fraction from 0 to 1"),
        0.01,
        "The learning rate never falls below this fraction of learningRate.",
      ),
      warmup,
    }),
  ],
);

const schedule = described(
  z.prefault(schedules, { kind: "constant" }),
  "How the learning rate changes with the step. cosine: Loshchilov & Hutter (2017), one period.",
);

const group = described(
  section({
    parameters: described(
      z
        .array(text('the beginning of a parameter\'s path such as "encoder"'), expected('a list such as ["encoder"]'))
        .check(z.minLength(1, expected("at least one"))),
      'Beginnings of the paths of parameters: "encoder" for all of the encoder. `vaekit inspect RUN` lists them.',
    ),
    learningRate: withDefault(
      atLeast0("a factor >= 0"),
      1,
      "Factor on the optimizer's learning rate; 0 leaves the parameters as they start.",
    ),
    weightDecay: optional(atLeast0("a number >= 0"), "In the place of the optimizer's."),
  }),
  "Parameters with steps of their own length. The first group that names a parameter has it.",
);

/** Which keys go with which kind, beyond those that go with all. */
export const optimizerKeys = {
  adam: ["beta1", "beta2", "epsilon"],
  adamw: ["beta1", "beta2", "epsilon", "weightDecay"],
  adamax: ["beta1", "beta2", "epsilon", "weightDecay"],
  sgd: ["momentum", "nesterov", "weightDecay"],
} as const;

export const optimizer = part("The optimizer.", {
  kind: withDefault(
    choice(["adam", "adamw", "adamax", "sgd"]),
    "adam",
    "adam, adamax: Kingma & Ba (2015); adamw: Adam with decoupled weight decay (Loshchilov & Hutter 2019); sgd: gradient descent with momentum.",
  ),
  learningRate: withDefault(above0("a number > 0"), 0.001, "The step size, before the schedule."),
  beta1: optional(decay, "Decay of the mean of gradients. Not for sgd. Default: 0.9."),
  beta2: optional(
    decay,
    "Decay of the mean of squared gradients; of the largest gradient for adamax. Not for sgd. Default: 0.999.",
  ),
  epsilon: optional(
    above0("a number > 0"),
    "Added to the root of the second moment; to the gradient's magnitude for adamax. Not for sgd. Default: 1e-8.",
  ),
  momentum: optional(decay, "Decay of the velocity. For sgd. Default: 0.9."),
  nesterov: optional(
    z.boolean(expected("true or false")),
    "Looks ahead by one step of the velocity (Sutskever et al. 2013). For sgd. Default: false.",
  ),
  weightDecay: optional(
    atLeast0("a number >= 0"),
    "Decoupled weight decay: weights shrink by learningRate * weightDecay of themselves at each step; biases do not. Not for adam. Default: 0.01 for adamw, else 0.",
  ),
  clip: orNull(
    above0("a number > 0 or null"),
    "The greatest norm of the gradient: a longer one is scaled down to it (Pascanu et al. 2013). Default: none.",
  ),
  skipAbove: orNull(
    above0("a number > 0 or null"),
    "A step whose gradient's norm is above this, or not finite, is left out (Child 2021); a hundred in a row are not. Default: none.",
  ),
  groups: withDefault(z.array(group, expected("a list of groups")), [], "Parameters with steps of their own length."),
  schedule,
});
