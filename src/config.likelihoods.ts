import * as z from "zod/mini";
import { above0, choice, expected, integer, section, text } from "./config.fields.ts";
import { type BuiltInLikelihood, densities, likelihoods } from "./config.parts.ts";

/* The likelihood of a config: its keys, their defaults, and what of them does not go together. */

/** A positive number of p(x|z): given; learned, one for all elements; or an output of the decoder for each. */
export type Amount = number | "global" | "learned";

/** How counts stand in the data: as they are, or as v/most. */
export type CountValues = "integers" | "levels";

export interface BernoulliConfig {
  readonly kind: "bernoulli";
}

export type NormalConfig =
  | { readonly kind: "normal"; readonly variance: "fixed"; readonly standardDeviation: number }
  | { readonly kind: "normal"; readonly variance: "global" | "learned" };

/** Those whose code is loaded when a config names them. */
export type LoadedLikelihoodConfig =
  | { readonly kind: "continuous-bernoulli" }
  | { readonly kind: "laplace"; readonly scale: Amount }
  | { readonly kind: "student-t"; readonly scale: Amount; readonly degrees: Amount }
  | { readonly kind: "discretized-logistic"; readonly scale: Amount; readonly levels: number }
  | { readonly kind: "discretized-logistic-mixture"; readonly components: number; readonly levels: number }
  | { readonly kind: "beta-binomial"; readonly n: number; readonly concentration: Amount; readonly values: CountValues }
  | { readonly kind: "categorical"; readonly classes: number; readonly values: CountValues }
  | { readonly kind: "poisson"; readonly values: CountValues }
  | { readonly kind: "negative-binomial"; readonly dispersion: Amount; readonly values: CountValues };

/** A part that the user registered under the name `kind`; the registry says whether it exists. */
export interface RegisteredConfig {
  readonly kind: string & {};
  readonly [key: string]: unknown;
}

export type LikelihoodConfig = BernoulliConfig | NormalConfig | LoadedLikelihoodConfig | RegisteredConfig;

const part = <const Kind extends BuiltInLikelihood, const Shape extends z.core.$ZodLooseShape>(
  kind: Kind,
  options: Shape,
) => section({ kind: z.literal(kind), ...options });

/** A number above `least`, or learned. */
const amount = (value: Amount, least = 0) => {
  const range = `"global", "learned" or a number > ${least}`;
  return z._default(
    z.union([z.number().check(z.gt(least, expected(range))), z.enum(["global", "learned"])], expected(range)),
    value,
  );
};

const whole = (least: number, most: number, value: number) => {
  const range = `an integer from ${least} to ${most}`;
  return z._default(integer(least, range).check(z.maximum(most, expected(range))), value);
};

const scale = amount("global");
const levels = whole(2, 65536, 256);
const values = (value: CountValues) => z._default(choice(["integers", "levels"]), value);

const bernoulli = part("bernoulli", {});

const normal = part("normal", {
  variance: z._default(choice(["fixed", "global", "learned"]), "fixed"),
  standardDeviation: z.optional(above0("a number > 0")),
});

export const registered = z.looseObject(
  { kind: text("a name").check(z.refine((kind) => !likelihoods.some((known) => known === kind), { abort: true })) },
  expected('an object such as {"kind": "bernoulli"}'),
);

export const likelihood = z._default(
  z.union(
    [
      bernoulli,
      normal,
      part("continuous-bernoulli", {}),
      part("laplace", { scale }),
      part("student-t", { scale, degrees: amount("global", 2.001) }),
      part("discretized-logistic", { scale, levels }),
      part("discretized-logistic-mixture", { components: whole(1, 1000, 10), levels }),
      part("beta-binomial", { n: whole(1, 65535, 255), concentration: amount("learned"), values: values("levels") }),
      part("categorical", { classes: whole(2, 65536, 256), values: values("levels") }),
      part("poisson", { values: values("integers") }),
      part("negative-binomial", { dispersion: amount("global"), values: values("integers") }),
      registered,
    ],
    expected('an object such as {"kind": "bernoulli"}'),
  ),
  { kind: "bernoulli" },
);

type Checked = z.output<typeof likelihood>;
type CheckedNormal = Extract<Checked, { kind: "normal"; variance: unknown }>;

const isNormal = (given: Checked): given is CheckedNormal => given.kind === "normal";

/** The defaults that depend on other keys. */
export function resolveLikelihood(given: Checked): LikelihoodConfig {
  if (!isNormal(given)) return given;
  if (given.variance !== "fixed") return { kind: "normal", variance: given.variance };
  return { kind: "normal", variance: "fixed", standardDeviation: given.standardDeviation ?? 1 };
}

/** Keys that are right one by one and wrong together. */
export function likelihoodContradictions(given: Checked, binarization: string | undefined): string[] {
  const found: string[] = [];
  if (densities.includes(given.kind) && (binarization === "static" || binarization === "dynamic"))
    found.push(
      `data.binarization: expected "none" with a ${given.kind} likelihood, got "${binarization}": ` +
        `a density has no finite bound on data that is 0 or 1; take "none", or a bernoulli likelihood`,
    );
  if (isNormal(given) && given.standardDeviation !== undefined && given.variance !== "fixed")
    found.push(
      `model.likelihood.standardDeviation: only with variance "fixed", got variance "${given.variance}", ` +
        `which is learned; leave standardDeviation out`,
    );
  return found;
}
