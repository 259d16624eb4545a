import * as z from "zod/mini";
import {
  above0,
  atLeast0,
  choice,
  described,
  integer,
  kinds,
  optional,
  part,
  section,
  share,
  strayKeys,
  withDefault,
} from "./config.fields.ts";

/* The objective of a config: its keys, their defaults, and what of them does not go together. */

/** Of β. from: fraction of β; rising: share of the period. */
type BetaScheduleConfig =
  | { readonly kind: "constant" }
  | { readonly kind: "linear"; readonly steps: number; readonly from: number }
  | { readonly kind: "cyclical"; readonly period: number; readonly rising: number };

export interface ElboConfig {
  readonly kind: "elbo";
  readonly beta: number;
  readonly schedule: BetaScheduleConfig;
}

/** from, to: C in nats; steps: from the one to the other. */
export interface CapacityConfig {
  readonly kind: "capacity";
  readonly gamma: number;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

export type ObjectiveConfig = ElboConfig | CapacityConfig;

const betaSchedule = kinds(
  "linear",
  ["constant", "linear", "cyclical"],
  [
    section({ kind: z.literal("constant") }),
    section({
      kind: z.literal("linear"),
      steps: described(integer(1, "a positive integer"), "Steps until beta is reached."),
      from: withDefault(share("a fraction from 0 to 1"), 0, "Where beta starts, as a fraction of it."),
    }),
    section({
      kind: z.literal("cyclical"),
      period: described(integer(2, "an integer >= 2"), "Steps of one cycle."),
      rising: withDefault(
        share("a fraction from 0 to 1"),
        0.5,
        "Share of each cycle in which beta rises from 0; for the rest it stays.",
      ),
    }),
  ],
);

/** Which keys go with which kind. */
const objectiveKeys = {
  elbo: ["beta", "schedule"],
  capacity: ["gamma", "from", "to", "steps"],
} as const satisfies Record<ObjectiveConfig["kind"], readonly string[]>;

export const objective = part("What is minimized, in nats per example.", {
  kind: withDefault(
    choice(["elbo", "capacity"]),
    "elbo",
    "elbo: distortion + beta * rate (Kingma & Welling 2014; Higgins et al. 2017); capacity: distortion + gamma * |rate - C|, where the rate is the batch's mean and C rises with the step (Burgess et al. 2018).",
  ),
  beta: optional(
    atLeast0("a number >= 0"),
    "Weight of the rate KL(q(z|x) || p(z)): 1 is the ELBO, other values the beta-VAE (Higgins et al. 2017); 0 trains an autoencoder with noise. For elbo. Default: 1.",
  ),
  schedule: optional(
    betaSchedule,
    "How beta changes with the step. linear: a warm-up (Bowman et al. 2016; Sonderby et al. 2016); cyclical: Fu et al. (2019). For elbo. Default: constant.",
  ),
  gamma: optional(above0("a number > 0"), "Weight of the rate's distance from C. For capacity. Default: 1000."),
  from: optional(atLeast0("nats, 0 or more"), "C at the first step, in nats. For capacity. Default: 0."),
  to: optional(atLeast0("nats, 0 or more"), "What C rises to, in nats, and then stays at. For capacity. Default: 25."),
  steps: optional(integer(1, "a positive integer"), "Steps over which C rises, evenly. For capacity. Default: 100000."),
});

type Checked = z.output<typeof objective>;

/** The defaults of `capacity` are what Burgess et al. (2018) took for dSprites. */
export function resolveObjective(given: Checked): ObjectiveConfig {
  if (given.kind === "elbo") {
    const { kind, beta = 1, schedule = { kind: "constant" } } = given;
    return { kind, beta, schedule };
  }
  const { kind, gamma = 1000, from = 0, to = 25, steps = 100_000 } = given;
  return { kind, gamma, from, to, steps };
}

/** Keys of another objective; a capacity that falls; a batch in parts, where the objective is of the whole one. */
export function objectiveContradictions(
  given: Checked,
  { batchSize, microBatch }: { readonly batchSize: number; readonly microBatch: number | null },
): string[] {
  const found = strayKeys("objective", given, objectiveKeys);
  const resolved = resolveObjective(given);
  if (resolved.kind === "elbo") return found;
  const { from, to } = resolved;
  if (from > to) found.push(`objective.from: expected at most objective.to, ${to}, got ${from}: C rises`);
  // γ·|mean − C| of a part is not its share of γ·|mean − C| of the batch: on the two sides of C their gradients oppose.
  if (microBatch !== null && microBatch < batchSize)
    found.push(
      `train.microBatch: expected null or train.batchSize, ${batchSize}, with the objective "capacity", got ${microBatch}: ` +
        "|rate - C| is of the mean rate of the whole batch, and parts of it have others; leave microBatch out, or lower train.batchSize",
    );
  return found;
}
