import * as z from "zod/mini";
import { choice, expected, integer, kinds, onlyKind, orNull, part, section } from "./config.fields.ts";
import {
  type Activation,
  activations,
  type Covariance,
  covariances,
  type FlowKind,
  flows,
  type PriorKind,
  priors,
} from "./config.parts.ts";

/* q(z|x) and p(z) of a config: their keys, their defaults, and what of them does not go together. */

/** steps: maps one after the other; hidden, activation: of the network that each of them is made of. */
interface FlowNetworkConfig {
  readonly steps: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
}

export type FlowConfig =
  | { readonly kind: "planar"; readonly steps: number }
  | ({ readonly kind: Exclude<FlowKind, "planar"> } & FlowNetworkConfig);

export type PriorConfig =
  | { readonly kind: "standard-normal" }
  | { readonly kind: "mixture"; readonly components: number }
  | { readonly kind: "vampprior"; readonly components: number; readonly start: "data" | "random" }
  | ({ readonly kind: "realnvp" | "maf" } & FlowNetworkConfig);

export interface LatentsConfig {
  readonly latent: number;
  readonly posterior: { readonly kind: "normal"; readonly covariance: Covariance; readonly flow: FlowConfig | null };
  readonly prior: PriorConfig;
  /** Of a conditional model: whether the prior is conditional too. */
  readonly condition?: { readonly prior: boolean } | null;
}

const steps = (value: number) => z._default(integer(1, "a positive integer"), value);

const network = {
  steps: steps(4),
  hidden: z._default(
    z
      .array(integer(1, "a positive integer"), expected("a list of positive integers such as [320]"))
      .check(z.minLength(1, expected("at least one layer such as [320]"))),
    [320],
  ),
  activation: z._default(choice(activations), "relu"),
};

const kind = <const Name extends PriorKind | FlowKind>(name: Name) => z.literal(name);
const components = z._default(integer(1, "a positive integer"), 500);

export const posterior = part({
  kind: z._default(onlyKind("normal"), "normal"),
  covariance: z._default(choice(covariances), "diagonal"),
  flow: orNull(
    kinds("iaf", flows, [
      section({ kind: kind("planar"), steps: steps(10) }),
      section({ kind: kind("realnvp"), ...network }),
      section({ kind: kind("iaf"), ...network }),
    ]),
  ),
});

export const prior = z._default(
  kinds("vampprior", priors, [
    section({ kind: kind("standard-normal") }),
    section({ kind: kind("mixture"), components }),
    section({ kind: kind("vampprior"), components, start: z._default(choice(["data", "random"]), "data") }),
    section({ kind: kind("realnvp"), ...network }),
    section({ kind: kind("maf"), ...network }),
  ]),
  { kind: "standard-normal" },
);

/** Keys that are right one by one and wrong together. */
export function latentsContradictions({ latent, posterior, prior }: LatentsConfig): string[] {
  const found: string[] = [];
  const { covariance, flow } = posterior;
  if (prior.kind === "vampprior" && (covariance !== "diagonal" || flow))
    found.push(
      `model.prior.kind: "vampprior" is a mixture of posteriors with a diagonal covariance and no flow, got ${flow ? `the flow "${flow.kind}"` : `the covariance "${covariance}"`}; take such a posterior, or the prior "mixture" or "maf"`,
    );
  const several = (key: string, value: string, otherwise: string) => {
    if (latent < 2) found.push(`${key}: "${value}" needs model.latent of 2 or more, got ${latent}; take ${otherwise}`);
  };
  if (covariance === "full") several("model.posterior.covariance", "full", '"diagonal"');
  if (flow?.kind === "realnvp") several("model.posterior.flow.kind", "realnvp", '"iaf" or "planar"');
  if (prior.kind === "realnvp") several("model.prior.kind", "realnvp", '"mixture" or "maf"');
  return found;
}
