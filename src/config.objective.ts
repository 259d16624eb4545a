import * as z from "zod/mini";
import { above0, atLeast0, choice, integer, kinds, part, section, share, strayKeys } from "./config.fields.ts";

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

/** samples: draws of z for each example. */
export interface IwaeConfig {
  readonly kind: "iwae";
  readonly samples: number;
  readonly gradient: "reparameterized" | "dreg";
}

export type ObjectiveConfig = ElboConfig | CapacityConfig | IwaeConfig;

const betaSchedule = kinds(
  "linear",
  ["constant", "linear", "cyclical"],
  [
    section({ kind: z.literal("constant") }),
    section({
      kind: z.literal("linear"),
      steps: integer(1, "a positive integer"),
      from: z._default(share("a fraction from 0 to 1"), 0),
    }),
    section({
      kind: z.literal("cyclical"),
      period: integer(2, "an integer >= 2"),
      rising: z._default(share("a fraction from 0 to 1"), 0.5),
    }),
  ],
);

/** Which keys go with which kind. */
const objectiveKeys = {
  elbo: ["beta", "schedule"],
  capacity: ["gamma", "from", "to", "steps"],
  iwae: ["samples", "gradient"],
} as const satisfies Record<ObjectiveConfig["kind"], readonly string[]>;

export const objective = part({
  kind: z._default(choice(["elbo", "capacity", "iwae"]), "elbo"),
  beta: z.optional(atLeast0("a number >= 0")),
  schedule: z.optional(betaSchedule),
  gamma: z.optional(above0("a number > 0")),
  from: z.optional(atLeast0("nats, 0 or more")),
  to: z.optional(atLeast0("nats, 0 or more")),
  steps: z.optional(integer(1, "a positive integer")),
  samples: z.optional(integer(1, "a positive integer")),
  gradient: z.optional(choice(["reparameterized", "dreg"])),
});

type Checked = z.output<typeof objective>;

/** The defaults of `capacity` are what Burgess et al. (2018) took for dSprites. */
export function resolveObjective(given: Checked): ObjectiveConfig {
  if (given.kind === "elbo") {
    const { kind, beta = 1, schedule = { kind: "constant" } } = given;
    return { kind, beta, schedule };
  }
  if (given.kind === "iwae") {
    const { kind, samples = 5, gradient = "reparameterized" } = given;
    return { kind, samples, gradient };
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
  if (resolved.kind !== "capacity") return found;
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
