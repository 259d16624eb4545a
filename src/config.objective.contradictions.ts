import { strayKeys } from "./config.fields.ts";
import type { LatentsConfig } from "./config.latents.ts";
import {
  type CheckedObjective,
  type ImportanceConfig,
  type ObjectiveKind,
  type ObjectiveOf,
  objectiveDefaults,
  resolveObjective,
} from "./config.objective.ts";

/* What of an objective's keys does not go together, and what it does not go with. */

/** What an objective must go with. */
export interface ObjectiveContext {
  readonly model: LatentsConfig;
  readonly train: { readonly batchSize: number; readonly microBatch: number | null };
}

/** Whether a line holds, and the line, which names its key. */
type Case = readonly [holds: boolean, line: string];

/** Cases of each kind by itself. */
type Refuse<Kind extends ObjectiveKind> = (objective: ObjectiveOf<Kind>, context: ObjectiveContext) => readonly Case[];

/** What an objective needs beside its own keys, and why it does. */
interface Needs {
  /** The prior N(0, I), not conditional. */
  readonly prior?: string;
  /** A posterior that is a normal, "full", or a normal with independent latents. */
  readonly posterior?: readonly ["full" | "diagonal", why: string];
  /** A batch that is computed at once. */
  readonly batch?: string;
  /** Of 2 examples or more. */
  readonly others?: boolean;
}

const unmet = (
  needing: string,
  { prior: whyPrior, posterior: [least, whyPosterior] = ["full", ""], batch, others = false }: Needs,
  { model: { prior, condition, posterior }, train: { batchSize, microBatch } }: ObjectiveContext,
): readonly Case[] => {
  const ofKey = needing.startsWith("objective.");
  const [subject, owner, mend] = ofKey
    ? [`${needing}:`, needing, "set objective.freeBitsGroup to model.latent, for one group of all"]
    : [`objective.kind: "${needing}"`, `the objective "${needing}"`, 'take the objective "elbo"'];
  const { covariance, flow } = posterior;
  const needs = (holds: boolean, what: string, got: string, why = ""): Case => [
    holds,
    `${subject} needs ${what}, got ${got}: ${why}; set it back, or ${mend}`,
  ];
  return [
    needs(
      whyPrior !== undefined && prior.kind !== "standard-normal",
      'the prior "standard-normal"',
      `"${prior.kind}"`,
      whyPrior,
    ),
    needs(
      whyPrior !== undefined && condition?.prior === true,
      "one prior for all",
      "model.condition.prior true",
      whyPrior,
    ),
    needs(whyPosterior !== "" && flow !== null, "a posterior without a flow", `the flow "${flow?.kind}"`, whyPosterior),
    needs(
      least === "diagonal" && covariance !== "diagonal",
      'the covariance "diagonal"',
      `"${covariance}"`,
      whyPosterior,
    ),
    [
      batch !== undefined && microBatch !== null && microBatch < batchSize,
      `train.microBatch: expected null or train.batchSize, ${batchSize}, with ${owner}, got ${microBatch}: ` +
        `${batch}; leave microBatch out, or lower train.batchSize`,
    ],
    [others && batchSize < 2, `train.batchSize: expected 2 or more with ${owner}, got ${batchSize}: ${batch}`],
  ];
};

/** It holds what the encoder gives, and not the weights of a flow: their gradient would be another one on average. */
const dreg = ({ gradient }: ImportanceConfig, { model: { posterior } }: ObjectiveContext): readonly Case[] => [
  [
    gradient === "dreg" && posterior.flow !== null,
    `objective.gradient: "dreg" is for posteriors without a flow, got the flow "${posterior.flow?.kind}"; take "reparameterized", or set model.posterior.flow to null`,
  ],
];

// A prior that is learned would need a gradient through its draws, and a mixture's choice of a component passes none.
const comparing = "all codes of the batch are compared with draws of N(0, I)";
const discrepancy: Needs = { prior: comparing, batch: comparing, others: true };

/** What does not go together, of each kind that refuses anything. */
const refusals: { readonly [Kind in ObjectiveKind]?: Refuse<Kind> } = {
  elbo({ freeBits, freeBitsGroup }, context) {
    const { latent } = context.model;
    const key = "objective.freeBits";
    if (freeBits === 0)
      return [
        [
          freeBitsGroup !== 1,
          `${key}Group: ${freeBitsGroup} changes nothing where ${key} is 0; leave it out, or set ${key}`,
        ],
      ];
    const why = "groups of latents have a rate of their own there alone";
    const batch = "they are of a group's mean rate in the whole batch, and parts have others";
    return [
      [
        latent % freeBitsGroup !== 0,
        `${key}Group: expected a divisor of model.latent, ${latent}, got ${freeBitsGroup}`,
      ],
      ...unmet(key, freeBitsGroup < latent ? { prior: why, posterior: ["diagonal", why], batch } : { batch }, context),
    ];
  },
  capacity: ({ kind, gamma, from, to }, context) => [
    [gamma === 0, "objective.gamma: expected a number > 0, got 0"],
    [from > to, `objective.from: expected at most objective.to, ${to}, got ${from}: C rises`],
    ...unmet(
      kind,
      {
        // And the rate then says nothing of what the codes hold.
        prior: "a prior that is learned can hold the rate at C by moving away from the codes",
        // γ·|mean − C| of a part is not its share of that of the batch: on the two sides of C their gradients oppose.
        batch: "|rate - C| is of the mean rate of the whole batch, and parts of it have others",
      },
      context,
    ),
  ],
  iwae: dreg,
  miwae: dreg,
  ciwae: dreg,
  "beta-tcvae"({ kind, alpha }, context) {
    const why = "its terms are of densities of each latent by itself";
    const batch = "each example is compared with all others of the batch";
    return [
      [alpha < 0, `objective.alpha: expected a number >= 0 with the objective "${kind}", got ${alpha}`],
      ...unmet(kind, { prior: why, posterior: ["diagonal", why], batch, others: true }, context),
    ];
  },
  "dip-vae"({ kind, variant }, context) {
    const why = "the covariance of all codes of the batch is held to that of N(0, I)";
    const posterior = variant === "i" ? "full" : "diagonal";
    return unmet(kind, { prior: why, posterior: [posterior, why], batch: why, others: true }, context);
  },
  "info-vae": ({ kind, alpha, lambda }, context) => [
    [
      alpha > 1,
      `objective.alpha: expected at most 1 with the objective "${kind}", got ${alpha}: the rate weighs 1 - alpha`,
    ],
    [
      alpha + lambda < 1,
      `objective.lambda: expected at least 1 - objective.alpha, ${1 - alpha}, got ${lambda}: the discrepancy weighs alpha + lambda - 1`,
    ],
    ...unmet(kind, discrepancy, context),
  ],
  "wae-mmd": ({ kind }, context) => unmet(kind, discrepancy, context),
  factor: ({ kind }, context) => [
    [
      context.model.latent < 2,
      `model.latent: expected 2 or more with the objective "${kind}", got ${context.model.latent}: one latent has none to depend on`,
    ],
    ...unmet(kind, { batch: "latents are permuted among the rows of a batch", others: true }, context),
  ],
};

const keysOf = Object.fromEntries(
  Object.entries(objectiveDefaults).map(([kind, of]) => [kind, Object.keys(of)]),
) as unknown as Record<ObjectiveKind, readonly string[]>;

/** Keys of another objective, and what the objective does not go with. */
export function objectiveContradictions(given: CheckedObjective, context: ObjectiveContext): string[] {
  const resolved = resolveObjective(given);
  const refuse = refusals[resolved.kind] as Refuse<ObjectiveKind> | undefined;
  return [
    ...strayKeys("objective", given, keysOf),
    ...(refuse?.(resolved, context) ?? []).flatMap(([holds, line]) => (holds ? [line] : [])),
  ];
}
