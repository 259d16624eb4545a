import * as z from "zod/mini";
import { above0, atLeast0, choice, expected, integer, kinds, part, section, share } from "./config.fields.ts";

/* The objective of a config: its keys and their defaults. What of them does not go together: config.objective.contradictions.ts. */

/** Of β. from: fraction of β; rising: share of the period. */
type BetaScheduleConfig =
  | { readonly kind: "constant" }
  | { readonly kind: "linear"; readonly steps: number; readonly from: number }
  | { readonly kind: "cyclical"; readonly period: number; readonly rising: number };

/** freeBits: nats of each group of latents; freeBitsGroup: how many make one. */
export interface ElboConfig {
  readonly kind: "elbo";
  readonly beta: number;
  readonly schedule: BetaScheduleConfig;
  readonly freeBits: number;
  readonly freeBitsGroup: number;
}

/** from, to: C in nats; steps: from the one to the other. */
export interface CapacityConfig {
  readonly kind: "capacity";
  readonly gamma: number;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

/** samples: draws of z for each bound; gradient: of the encoder. */
export interface ImportanceConfig {
  readonly samples: number;
  readonly gradient: "reparameterized" | "dreg";
}

export interface IwaeConfig extends ImportanceConfig {
  readonly kind: "iwae";
}

/** bounds: how many of them are averaged. */
export interface MiwaeConfig extends ImportanceConfig {
  readonly kind: "miwae";
  readonly bounds: number;
}

/** share: of the ELBO. */
export interface CiwaeConfig extends ImportanceConfig {
  readonly kind: "ciwae";
  readonly share: number;
}

export interface BetaTcvaeConfig {
  readonly kind: "beta-tcvae";
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
}

export interface DipVaeConfig {
  readonly kind: "dip-vae";
  readonly variant: "i" | "ii";
  readonly lambdaOd: number;
  readonly lambdaD: number;
}

/** scale: of the kernel's width. */
export interface KernelConfig {
  readonly kernel: "imq" | "rbf";
  readonly scale: number;
}

export interface InfoVaeConfig extends KernelConfig {
  readonly kind: "info-vae";
  readonly alpha: number;
  readonly lambda: number;
}

export interface WaeMmdConfig extends KernelConfig {
  readonly kind: "wae-mmd";
  readonly lambda: number;
}

/** hidden: units of its layers; learningRate: factor on the optimizer's. */
interface DiscriminatorConfig {
  readonly hidden: readonly number[];
  readonly learningRate: number;
}

export interface FactorConfig {
  readonly kind: "factor";
  readonly gamma: number;
  readonly discriminator: DiscriminatorConfig;
}

export type ObjectiveConfig =
  | ElboConfig
  | CapacityConfig
  | IwaeConfig
  | MiwaeConfig
  | CiwaeConfig
  | BetaTcvaeConfig
  | DipVaeConfig
  | InfoVaeConfig
  | WaeMmdConfig
  | FactorConfig;

export type ObjectiveKind = ObjectiveConfig["kind"];
/** The objective of a kind. */
export type ObjectiveOf<Kind extends ObjectiveKind> = Extract<ObjectiveConfig, { readonly kind: Kind }>;

const importance = { samples: 5, gradient: "reparameterized" } as const;
const kernel = { kernel: "imq", scale: 1 } as const;

/**
 * Every kind of objective: its keys and their defaults. Those of "capacity" are what Burgess et al. (2018) took for
 * dSprites; β of "beta-tcvae" is that of Chen et al. (2018) there, and "factor" that of Kim & Mnih (2018); "miwae" has 64
 * draws, as Rainforth et al. (2018).
 */
export const objectiveDefaults: { readonly [Kind in ObjectiveKind]: Omit<ObjectiveOf<Kind>, "kind"> } = {
  elbo: { beta: 1, schedule: { kind: "constant" }, freeBits: 0, freeBitsGroup: 1 },
  capacity: { gamma: 1000, from: 0, to: 25, steps: 100_000 },
  iwae: importance,
  miwae: { ...importance, samples: 8, bounds: 8 },
  ciwae: { ...importance, share: 0.5 },
  "beta-tcvae": { alpha: 1, beta: 6, gamma: 1 },
  "dip-vae": { variant: "i", lambdaOd: 10, lambdaD: 100 },
  "info-vae": { alpha: 1, lambda: 1000, ...kernel },
  "wae-mmd": { lambda: 1000, ...kernel },
  factor: { gamma: 35, discriminator: { hidden: Array<number>(6).fill(1000), learningRate: 1 } },
};

const objectiveKinds = Object.keys(objectiveDefaults) as [ObjectiveKind, ...ObjectiveKind[]];

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

const layers = "a list of one or more positive integers such as [1000, 1000]";
const discriminator = section({
  hidden: z._default(
    z.array(integer(1, "a positive integer"), expected(layers)).check(z.minLength(1, expected(layers))),
    [...objectiveDefaults.factor.discriminator.hidden],
  ),
  learningRate: z._default(above0("a factor > 0"), objectiveDefaults.factor.discriminator.learningRate),
});

/* A schema for each key: what describes it is told by it. */
const count = () => z.optional(integer(1, "a positive integer"));
const weight = () => z.optional(atLeast0("a number >= 0"));
const nats = () => z.optional(atLeast0("nats, 0 or more"));

export const objective = part({
  kind: z._default(choice(objectiveKinds), "elbo"),
  beta: weight(),
  schedule: z.optional(betaSchedule),
  freeBits: nats(),
  freeBitsGroup: count(),
  gamma: weight(),
  from: nats(),
  to: nats(),
  steps: count(),
  samples: count(),
  bounds: count(),
  share: z.optional(share("a share from 0 to 1")),
  gradient: z.optional(choice(["reparameterized", "dreg"])),
  alpha: z.optional(z.number(expected("a number"))),
  variant: z.optional(choice(["i", "ii"])),
  lambdaOd: weight(),
  lambdaD: weight(),
  lambda: weight(),
  kernel: z.optional(choice(["imq", "rbf"])),
  scale: z.optional(above0("a number > 0")),
  discriminator: z.optional(discriminator),
});

export type CheckedObjective = z.output<typeof objective>;

/** The objective with every key of its kind. */
export function resolveObjective(given: CheckedObjective): ObjectiveConfig {
  const { kind } = given;
  const keys: Record<string, unknown> = { ...objectiveDefaults[kind] };
  // λ_d follows λ_od, as in Kumar et al. (2018), section 4
  if (kind === "dip-vae")
    keys.lambdaD = (given.variant === "ii" ? 1 : 10) * (given.lambdaOd ?? objectiveDefaults[kind].lambdaOd);
  for (const key of Object.keys(keys)) keys[key] = given[key as keyof CheckedObjective] ?? keys[key];
  return { kind, ...keys } as unknown as ObjectiveConfig;
}

/** −ELBO. */
export const negElboConfig = { kind: "elbo", ...objectiveDefaults.elbo } as const satisfies ElboConfig;
